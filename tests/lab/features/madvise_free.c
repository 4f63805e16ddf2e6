// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: after MADV_FREE a page holds its old contents or zeros, and new writes stay
// Group: memory
#include <sys/mman.h>

#include "feature.h"

enum { kPages = 256 };

int main(void) {
  uint64_t* const base =
      mmap(NULL, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(base != MAP_FAILED);
  uint64_t value = 1;
  while (feature_more()) {
    for (int p = 0; p < kPages; ++p) base[p * 512] = value;
    SYS(madvise(base, kPages * 4096, MADV_FREE));
    feature_work();
    for (int p = 0; p < kPages; p += 2) base[p * 512] = value + 1;
    feature_work();
    for (int p = 0; p < kPages; ++p) {
      const uint64_t seen = base[p * 512];
      if (p % 2 == 0) CHECK_EQ(seen, value + 1);
      if (p % 2 == 1) CHECK(seen == value || seen == 0);
    }
    value += 2;
  }
  return feature_pass();
}
