// SPDX-License-Identifier: GPL-2.0-or-later
// fault_worker FILE: what the fault tests move. Writes numbered lines to FILE and to standard
// output until something comes on standard input; each line depends on all before it. Checks its
// memory all the time. Exit status 17: asked to end; 3: its memory is not what it wrote; 4: a write
// failed; 5: nobody asked it for too long.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kPages = 256, kWords = 512;  // of 4 KiB each
constexpr long kMostLines = 200'000;

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = a * 0x9e3779b97f4a7c15ULL ^ b;
  x ^= x >> 31;
  return x * 0xbf58476d1ce4e5b9ULL + 1;
}

}  // namespace

int main(int argc, char** argv) {
  const int file = argc == 2 ? ::open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
  if (file < 0) return 4;
  std::vector<std::uint64_t> memory(kPages * kWords);
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = mix(0, i);
  const std::string name = argv[1];
  std::vector<std::uint64_t> rounds(kPages);  // how often a page was written
  std::uint64_t hash = 7;
  for (long line = 1; line <= kMostLines; ++line) {
    if (name != argv[1]) return 3;
    for (std::size_t k = 0; k < 4; ++k) {
      const std::size_t page = mix(static_cast<std::uint64_t>(line), k) % kPages;
      for (std::size_t i = page * kWords; i < (page + 1) * kWords; ++i) {
        if (memory[i] != mix(rounds[page], i)) return 3;
        memory[i] = mix(rounds[page] + 1, i);
      }
      ++rounds[page];
    }
    hash = (hash * 31 + static_cast<std::uint64_t>(line)) % 1'000'000'007;
    char text[64];
    const int size =
        std::snprintf(text, sizeof text, "%ld %llu\n", line, static_cast<unsigned long long>(hash));
    if (::write(file, text, static_cast<std::size_t>(size)) != size ||
        ::write(1, text, static_cast<std::size_t>(size)) != size) {
      return 4;
    }
    pollfd asked{0, POLLIN, 0};
    if (::poll(&asked, 1, 2) > 0) {
      for (std::size_t page = 0; page < kPages; ++page)
        for (std::size_t i = page * kWords; i < (page + 1) * kWords; ++i)
          if (memory[i] != mix(rounds[page], i)) return 3;
      return 17;
    }
  }
  return 5;
}
