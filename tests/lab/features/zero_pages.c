// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: pages that were only read are zero, and become own pages when written
// Group: memory
#include <sys/mman.h>

#include "feature.h"

enum { kPages = 1024 };

int main(void) {
  while (feature_more()) {
    uint64_t* const base =
        mmap(NULL, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(base != MAP_FAILED);
    for (int p = 0; p < kPages; ++p) CHECK_EQ(base[p * 512 + 100], 0);
    feature_work();
    for (uint64_t p = 0; p < kPages; p += 3) base[p * 512 + 100] = p + 1;
    feature_work();
    for (uint64_t p = 0; p < kPages; ++p) CHECK_EQ(base[p * 512 + 100], p % 3 == 0 ? p + 1 : 0);
    SYS(munmap(base, kPages * 4096));
  }
  return feature_pass();
}
