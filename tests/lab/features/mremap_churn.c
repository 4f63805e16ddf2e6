// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: mremap grows, shrinks and moves a mapping with its contents
// Group: memory
#include <sys/mman.h>

#include "feature.h"

int main(void) {
  size_t pages = 4;
  uint64_t* base =
      mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(base != MAP_FAILED);
  for (size_t p = 0; p < pages; ++p) base[p * 512] = p + 1;
  uint64_t seed = 14;
  while (feature_more()) {
    const size_t wanted = 1 + feature_random(&seed) % 200;
    uint64_t* moved;
    if (feature_random(&seed) % 2) {
      moved = mremap(base, pages * 4096, wanted * 4096, MREMAP_MAYMOVE);
    } else {
      uint64_t* const place =
          mmap(NULL, wanted * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      CHECK(place != MAP_FAILED);
      moved = mremap(base, pages * 4096, wanted * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, place);
      CHECK(moved == place);
    }
    CHECK(moved != MAP_FAILED);
    const size_t common = pages < wanted ? pages : wanted;
    for (size_t p = 0; p < common; ++p) CHECK_EQ(moved[p * 512], p + 1);
    for (size_t p = common; p < wanted; ++p) {
      CHECK_EQ(moved[p * 512], 0);
      moved[p * 512] = p + 1;
    }
    base = moved, pages = wanted;
  }
  return feature_pass();
}
