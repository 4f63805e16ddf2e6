// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/body_stub.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "agents/common/fail.h"
#include "agents/migrate/remote_addr.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U  // Linux 6.3
#endif

namespace starling::migrate {
namespace {

constexpr std::uint64_t kAddress = 0x400000;
constexpr std::uint8_t kTrap = 0xcc;  // int3

std::array<std::uint8_t, kPage> image() {
  std::array<std::uint8_t, kPage> page;
  page.fill(kTrap);
  Elf64_Ehdr head{};
  std::memcpy(head.e_ident, ELFMAG, SELFMAG);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_ident[EI_DATA] = ELFDATA2LSB;
  head.e_ident[EI_VERSION] = EV_CURRENT;
  head.e_type = ET_EXEC;
  head.e_machine = EM_X86_64;
  head.e_version = EV_CURRENT;
  head.e_entry = kAddress + kPage / 2;
  head.e_phoff = sizeof head;
  head.e_ehsize = sizeof head;
  head.e_phentsize = sizeof(Elf64_Phdr);
  head.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_LOAD;
  segment.p_flags = PF_R | PF_X;
  segment.p_vaddr = segment.p_paddr = kAddress;
  segment.p_filesz = segment.p_memsz = kPage;
  segment.p_align = kPage;
  std::memcpy(page.data(), &head, sizeof head);
  std::memcpy(page.data() + sizeof head, &segment, sizeof segment);
  return page;
}

}  // namespace

UniqueFd make_body_stub() {
  UniqueFd fd(::memfd_create("starling-body-stub", MFD_CLOEXEC | MFD_EXEC));
  if (!fd && errno == EINVAL) fd.reset(::memfd_create("starling-body-stub", MFD_CLOEXEC));
  if (!fd) fail_errno("memfd_create");
  const auto page = image();
  if (::write(fd.get(), page.data(), page.size()) != static_cast<ssize_t>(page.size()))
    fail_errno("writing the stub of a body");
  // The kernel executes nothing that is open for writing.
  UniqueFd read_only(
      ::open(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), O_RDONLY | O_CLOEXEC));
  if (!read_only) fail_errno("/proc/self/fd");
  return read_only;
}

}  // namespace starling::migrate
