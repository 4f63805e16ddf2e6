// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/probe_guest.h"

#include <array>
#include <cstdint>
#include <cstdio>

namespace starling::vm {
namespace {

void put(std::string& s, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) s += static_cast<char>(value >> (8 * i) & 0xff);
}

// A static x86-64 ELF program: write(1, marker), then pause() for ever.
std::string init_program() {
  constexpr std::uint64_t kBase = 0x400000, kHeaders = 64 + 56;
  const std::string text = std::string(kProbeMarker) + "\n";
  std::string code;
  const auto emit = [&code](std::initializer_list<int> bytes) {
    for (const int b : bytes) code += static_cast<char>(b);
  };
  constexpr std::uint64_t kCodeSize = 5 + 5 + 5 + 5 + 2 + 5 + 2 + 2;
  emit({0xb8}), put(code, 1, 4);                                     // mov eax, SYS_write
  emit({0xbf}), put(code, 1, 4);                                     // mov edi, 1
  emit({0xbe}), put(code, kBase + kHeaders + kCodeSize, 4);          // mov esi, text
  emit({0xba}), put(code, text.size(), 4);                           // mov edx, length
  emit({0x0f, 0x05});                                                // syscall
  emit({0xb8}), put(code, 34, 4);                                    // mov eax, SYS_pause
  emit({0x0f, 0x05});                                                // syscall
  emit({0xeb, 0xf7});                                                // jmp to the mov before

  std::string elf("\x7f"
                  "ELF\x02\x01\x01",
                  7);
  put(elf, 0, 9);
  put(elf, 2, 2), put(elf, 62, 2), put(elf, 1, 4);       // ET_EXEC, EM_X86_64, version
  put(elf, kBase + kHeaders, 8), put(elf, 64, 8);        // entry point, program headers
  put(elf, 0, 8), put(elf, 0, 4), put(elf, 64, 2);       // no sections, flags, header size
  put(elf, 56, 2), put(elf, 1, 2), put(elf, 64, 2), put(elf, 0, 4);
  const std::uint64_t size = kHeaders + kCodeSize + text.size();
  put(elf, 1, 4), put(elf, 5, 4), put(elf, 0, 8);        // PT_LOAD, read and execute, offset 0
  put(elf, kBase, 8), put(elf, kBase, 8), put(elf, size, 8), put(elf, size, 8);
  put(elf, 0x1000, 8);
  return elf + code + text;
}

struct Entry {
  std::string name;
  unsigned mode;
  unsigned major = 0, minor = 0;  // of a device file
  std::string content = {};
};

void append(std::string& archive, const Entry& e, unsigned inode) {
  std::array<char, 128> header{};
  std::snprintf(header.data(), header.size(),
                "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", inode, e.mode, 0u,
                0u, 1u, 0u, e.content.size(), 0u, 0u, e.major, e.minor, e.name.size() + 1, 0u);
  archive += header.data();
  archive += e.name + '\0';
  archive.resize((archive.size() + 3) / 4 * 4);
  archive += e.content;
  archive.resize((archive.size() + 3) / 4 * 4);
}

}  // namespace

std::string probe_initrd() {
  std::string archive;
  append(archive, {"dev", 0040755}, 1);
  append(archive, {"dev/console", 0020600, 5, 1}, 2);
  append(archive, {"init", 0100755, 0, 0, init_program()}, 3);
  append(archive, {"TRAILER!!!", 0}, 0);
  archive.resize((archive.size() + 511) / 512 * 512);
  return archive;
}

}  // namespace starling::vm
