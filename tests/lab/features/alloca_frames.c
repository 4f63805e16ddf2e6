// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: alloca of changing sizes, contents checked after deeper calls
// Group: memory
#include <alloca.h>

#include "feature.h"

__attribute__((noinline)) static void level(int depth, uint64_t* seed) {
  const size_t size = 64 + feature_random(seed) % 20000;
  unsigned char* const block = alloca(size);
  memset(block, depth + 1, size);
  if (depth < 20) level(depth + 1, seed);
  for (size_t i = 0; i < size; i += 61) CHECK_EQ(block[i], depth + 1);
}

int main(void) {
  uint64_t seed = 17;
  while (feature_more()) level(0, &seed);
  return feature_pass();
}
