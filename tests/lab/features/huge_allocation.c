// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: 128 MiB with a pattern in every page, checked and changed at random
// Group: memory
#include "feature.h"

int main(void) {
  const size_t pages = 32768;
  uint64_t* const base = malloc(pages * 4096);
  CHECK(base != NULL);
  for (size_t p = 0; p < pages; ++p) base[p * 512] = p * 3;
  uint64_t seed = 21;
  while (feature_more()) {
    for (int n = 0; n < 1000; ++n) {
      const size_t p = feature_random(&seed) % pages;
      CHECK_EQ(base[p * 512] % 1000000007, p * 3);
      base[p * 512] = p * 3 + 1000000007 * (feature_random(&seed) % 1000);
    }
    feature_work();
  }
  for (size_t p = 0; p < pages; ++p) CHECK_EQ(base[p * 512] % 1000000007, p * 3);
  free(base);
  return feature_pass();
}
