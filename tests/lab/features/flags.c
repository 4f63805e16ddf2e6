// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: the flags register keeps carry, zero, sign, overflow and direction through a long loop
// Group: cpu
#include "feature.h"

static uint64_t hold(uint64_t flags, uint64_t turns) {
  uint64_t after;
  // lea and jrcxz change no flag.
  __asm__ volatile(
      "lea -256(%%rsp), %%rsp\n push %1\n popfq\n"
      "1: lea -1(%%rcx), %%rcx\n jrcxz 2f\n jmp 1b\n"
      "2: pushfq\n pop %0\n cld\n lea 256(%%rsp), %%rsp\n"
      : "=r"(after), "+r"(flags), "+c"(turns)
      :
      : "memory", "cc");
  return after;
}

int main(void) {
  const uint64_t arithmetic = 0xcd5;  // CF PF AF ZF SF DF OF
  uint64_t seed = 2;
  while (feature_more()) {
    const uint64_t wanted = feature_random(&seed) & arithmetic;
    CHECK_EQ(hold(0x202 | wanted, 10000000) & arithmetic, wanted);
  }
  return feature_pass();
}
