// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: deep recursion grows the stack by megabytes and every frame keeps its contents
// Group: memory
#include "feature.h"

__attribute__((noinline)) static uint64_t dig(unsigned depth) {
  volatile uint64_t frame[128];
  for (unsigned i = 0; i < 128; i += 16) frame[i] = depth * 1000UL + i;
  const uint64_t below = depth == 0 ? 0 : dig(depth - 1);
  for (unsigned i = 0; i < 128; i += 16) CHECK_EQ(frame[i], depth * 1000UL + i);
  return below + 1;
}

int main(void) {
  for (unsigned depth = 100; feature_more(); depth = depth * 2 % 6000 + 100)
    CHECK_EQ(dig(depth), depth + 1);
  CHECK_EQ(dig(6000), 6001);
  return feature_pass();
}
