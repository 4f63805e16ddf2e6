// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: MAP_FIXED replaces part of a mapping, MAP_FIXED_NOREPLACE refuses to
// Group: memory
#include <sys/mman.h>

#include "feature.h"

enum { kPages = 16 };

int main(void) {
  char* const base =
      mmap(NULL, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(base != MAP_FAILED);
  uint64_t seed = 15;
  memset(base, 1, kPages * 4096);
  while (feature_more()) {
    const size_t page = feature_random(&seed) % kPages;
    char* const where = base + page * 4096;
    CHECK_EQ(where[9], 1);
    CHECK(mmap(where, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
               0) == where);
    for (int i = 0; i < 4096; ++i) CHECK_EQ(where[i], 0);
    CHECK(mmap(where, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
          MAP_FAILED);
    CHECK_EQ(errno, EEXIST);
    memset(where, 1, 4096);
    SYS(munmap(where, 4096));
    CHECK(mmap(where, 4096, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == where);
    memset(where, 1, 4096);
  }
  return feature_pass();
}
