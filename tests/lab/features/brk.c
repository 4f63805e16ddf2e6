// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: the heap grows and shrinks by brk, contents kept, fresh pages zero
// Group: memory
#include "feature.h"

int main(void) {
  unsigned char* const base = sbrk(0);
  uint64_t seed = 11;
  size_t size = 0;
  // No malloc and no stdio in here: they would use the same heap.
  while (feature_more()) {
    const size_t wanted = (feature_random(&seed) % 256) * 4096 + 100;
    SYS(brk(base + wanted));
    CHECK(sbrk(0) == base + wanted);
    // The page that holds the old end keeps what is in it: only whole fresh pages are zero.
    for (size_t i = (size + 8191) & ~4095UL; i < wanted; i += 512) CHECK_EQ(base[i], 0);
    const size_t common = size < wanted ? size : wanted;
    for (size_t i = 0; i < common; i += 512) CHECK_EQ(base[i], (unsigned char)(i / 512 + 1));
    for (size_t i = 0; i < wanted; i += 512) base[i] = (unsigned char)(i / 512 + 1);
    size = wanted;
    if (feature_random(&seed) % 8 == 0) {
      SYS(brk(base));
      size = 0;
    }
  }
  SYS(brk(base));
  return feature_pass();
}
