// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a shared file mapping and the file show each other's writes, msync included
// Group: memory
// Stays: it shares a file mapping
#include <fcntl.h>
#include <sys/mman.h>

#include "feature.h"

int main(void) {
  feature_scratch();
  const int fd = (int)SYS(open("file", O_RDWR | O_CREAT, 0600));
  SYS(ftruncate(fd, 16 * 4096));
  uint64_t* const map = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(map != MAP_FAILED);
  for (uint64_t n = 1; feature_more(); ++n) {
    const uint64_t at = n * 37 % (16 * 512);
    uint64_t seen;
    map[at] = n;
    SYS(msync((char*)map + at * 8 / 4096 * 4096, 4096, MS_SYNC));
    CHECK_EQ(pread(fd, &seen, 8, (off_t)(at * 8)), 8);
    CHECK_EQ(seen, n);
    const uint64_t next = n + 1000000;
    CHECK_EQ(pwrite(fd, &next, 8, (off_t)(at * 8)), 8);
    CHECK_EQ(map[at], next);
    feature_work();
  }
  return feature_pass();
}
