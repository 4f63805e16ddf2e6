// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/body_memory.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agents/common/fail.h"

namespace starling::migrate {
namespace {

// struct procmap_query of linux/fs.h, Linux 6.11.
struct MapQuery {
  std::uint64_t size;
  std::uint64_t flags;
  std::uint64_t address;
  std::uint64_t vma_begin;
  std::uint64_t vma_end;
  std::uint64_t vma_flags;
  std::uint64_t rest[8];
};
static_assert(sizeof(MapQuery) == 14 * 8);
constexpr std::uint64_t kWritable = 2;

bool too_large(RemoteAddr at, std::size_t size) {
  return at.value + size < at.value || at.value + size >= 1ULL << 47;
}

}  // namespace

BodyMemory::BodyMemory(pid_t pid, PageSink& sink)
    : pid_(pid),
      sink_(sink),
      maps_(::open(("/proc/" + std::to_string(pid) + "/maps").c_str(), O_RDONLY | O_CLOEXEC)),
      mem_(::open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY | O_CLOEXEC)) {
  if (!maps_ || !mem_) fail_errno("the memory of the body");
}

// Lets a stack grow down to `at`, as the kernel's own access would. Of the accesses from outside
// only /proc/PID/mem does; whether it could read does not matter.
void BodyMemory::touch(RemoteAddr at) const {
  std::uint8_t byte;
  [[maybe_unused]] const auto n = ::pread(mem_.get(), &byte, 1, static_cast<off_t>(at.value));
}

void BodyMemory::ensure(RemoteAddr at, std::size_t size) {
  const RemoteRange pages{at.page(), RemoteAddr{at.value + size + kPage - 1}.page()};
  if (!sink_.ensure(pages)) throw PageLost("a page of the body cannot be had: " + sink_.failure());
}

std::size_t BodyMemory::read(RemoteAddr at, MutableBytes out) {
  if (out.empty() || too_large(at, out.size())) return 0;
  ensure(at, out.size());
  const iovec local{out.data(), out.size()};
  const iovec remote{reinterpret_cast<void*>(at.value), out.size()};
  ssize_t n = ::process_vm_readv(pid_, &local, 1, &remote, 1, 0);
  if (n < 0 && errno == EFAULT) {
    touch(at);
    n = ::process_vm_readv(pid_, &local, 1, &remote, 1, 0);
  }
  return n < 0 ? 0 : static_cast<std::size_t>(n);
}

bool BodyMemory::writable(RemoteRange range) {
  constexpr unsigned long kQuery = _IOWR('f', 17, MapQuery);  // PROCMAP_QUERY
  for (RemoteAddr at = range.begin; at < range.end;) {
    MapQuery query{};
    query.size = sizeof query;
    query.address = at.value;
    if (::ioctl(maps_.get(), kQuery, &query) != 0) {
      if (errno != ENOENT) return true;  // the kernel is older and cannot tell
      touch(at);
      if (::ioctl(maps_.get(), kQuery, &query) != 0) return false;
    }
    if ((query.vma_flags & kWritable) == 0) return false;
    at.value = query.vma_end;
  }
  return true;
}

std::size_t BodyMemory::write(RemoteAddr at, Bytes data) {
  if (data.empty() || too_large(at, data.size())) return 0;
  ensure(at, data.size());
  const iovec local{const_cast<std::uint8_t*>(data.data()), data.size()};
  const iovec remote{reinterpret_cast<void*>(at.value), data.size()};
  ssize_t n = ::process_vm_writev(pid_, &local, 1, &remote, 1, 0);
  if (n < 0 && errno == EFAULT) {
    touch(at);
    n = ::process_vm_writev(pid_, &local, 1, &remote, 1, 0);
  }
  return n < 0 ? 0 : static_cast<std::size_t>(n);
}

}  // namespace starling::migrate
