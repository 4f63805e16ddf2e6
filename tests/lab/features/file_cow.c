// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a private file mapping: own writes stay own, the file stays as it was
// Group: memory
#include <fcntl.h>
#include <sys/mman.h>

#include "feature.h"

enum { kPages = 64 };

int main(void) {
  feature_scratch();
  const int fd = (int)SYS(open("file", O_RDWR | O_CREAT, 0600));
  uint64_t block[512];
  for (uint64_t p = 0; p < kPages; ++p) {
    for (uint64_t i = 0; i < 512; ++i) block[i] = p * 512 + i;
    CHECK_EQ(write(fd, block, 4096), 4096);
  }
  uint64_t seed = 19;
  while (feature_more()) {
    uint64_t* const map = mmap(NULL, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(map != MAP_FAILED);
    bool dirty[kPages] = {false};
    for (int n = 0; n < 200; ++n) {
      const uint64_t p = feature_random(&seed) % kPages;
      CHECK_EQ(map[p * 512 + 5], dirty[p] ? 77 : p * 512 + 5);
      CHECK_EQ(map[p * 512 + 6], p * 512 + 6);
      if (n % 3 == 0) {
        map[p * 512 + 5] = 77;
        dirty[p] = true;
        CHECK_EQ(pread(fd, block, 4096, (off_t)(p * 4096)), 4096);
        CHECK_EQ(block[5], p * 512 + 5);
      }
    }
    feature_work();
    for (uint64_t p = 0; p < kPages; ++p) CHECK_EQ(map[p * 512 + 5], dirty[p] ? 77 : p * 512 + 5);
    SYS(munmap(map, kPages * 4096));
  }
  return feature_pass();
}
