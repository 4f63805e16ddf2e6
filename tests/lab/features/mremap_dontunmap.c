// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: MREMAP_DONTUNMAP leaves an empty mapping behind
// Group: memory
#include <sys/mman.h>

#include "feature.h"

enum { kPages = 8 };

int main(void) {
  while (feature_more()) {
    uint64_t* const a =
        mmap(NULL, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(a != MAP_FAILED);
    for (uint64_t p = 0; p < kPages; ++p) a[p * 512] = p + 1;
    uint64_t* const b =
        mremap(a, kPages * 4096, kPages * 4096, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    if (b == MAP_FAILED && errno == EINVAL) feature_skip("no MREMAP_DONTUNMAP");
    CHECK(b != MAP_FAILED);
    feature_work();
    for (uint64_t p = 0; p < kPages; ++p) {
      CHECK_EQ(b[p * 512], p + 1);
      CHECK_EQ(a[p * 512], 0);
    }
    SYS(munmap(a, kPages * 4096));
    SYS(munmap(b, kPages * 4096));
  }
  return feature_pass();
}
