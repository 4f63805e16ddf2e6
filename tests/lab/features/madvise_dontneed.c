// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: MADV_DONTNEED drops anonymous pages at once and for good
// Group: memory
#include <sys/mman.h>

#include "feature.h"

enum { kPages = 256 };

int main(void) {
  uint64_t* const base =
      mmap(NULL, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(base != MAP_FAILED);
  static uint64_t want[kPages];
  uint64_t seed = 18;
  while (feature_more()) {
    for (int p = 0; p < kPages; ++p) CHECK_EQ(base[p * 512 + 3], want[p]);
    for (int n = 0; n < 20; ++n) {
      const size_t p = feature_random(&seed) % kPages;
      base[p * 512 + 3] = want[p] = feature_random(&seed);
    }
    const size_t first = feature_random(&seed) % kPages,
                 count = feature_random(&seed) % (kPages - first) / 4 + 1;
    SYS(madvise(base + first * 512, count * 4096, MADV_DONTNEED));
    for (size_t p = first; p < first + count; ++p) want[p] = 0;
  }
  return feature_pass();
}
