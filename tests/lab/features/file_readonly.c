// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a read-only mapping of a file, read at random, outlives its descriptor and its name
// Group: memory
#include <fcntl.h>
#include <sys/mman.h>

#include "feature.h"

enum { kPages = 512 };

int main(void) {
  feature_scratch();
  int fd = (int)SYS(open("file", O_RDWR | O_CREAT, 0600));
  uint64_t block[512];
  for (uint64_t p = 0; p < kPages; ++p) {
    for (uint64_t i = 0; i < 512; ++i) block[i] = p * 1000 + i;
    CHECK_EQ(write(fd, block, 4096), 4096);
  }
  SYS(close(fd));
  fd = (int)SYS(open("file", O_RDONLY));
  const uint64_t* const map = mmap(NULL, kPages * 4096, PROT_READ, MAP_PRIVATE, fd, 0);
  CHECK(map != MAP_FAILED);
  SYS(close(fd));
  SYS(unlink("file"));
  uint64_t seed = 20;
  while (feature_more()) {
    for (int n = 0; n < 100; ++n) {
      const uint64_t p = feature_random(&seed) % kPages, i = feature_random(&seed) % 512;
      CHECK_EQ(map[p * 512 + i], p * 1000 + i);
    }
    feature_work();
  }
  return feature_pass();
}
