// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: the x87 stack of eight registers and its control word survive
// Group: cpu
#include "feature.h"

int main(void) {
  double in[8], out[8];
  uint64_t seed = 3;
  while (feature_more()) {
    for (int i = 0; i < 8; ++i) in[i] = (double)(feature_random(&seed) >> 12);
    const uint16_t control = 0x0c7f | (uint16_t)((feature_random(&seed) & 3) << 8 & 0x300);
    uint16_t seen = 0, status = 0;
    uint64_t turns = 20000000;
    __asm__ volatile(
        "fninit\n fldcw %4\n"
        "fldl 0(%5)\n fldl 8(%5)\n fldl 16(%5)\n fldl 24(%5)\n"
        "fldl 32(%5)\n fldl 40(%5)\n fldl 48(%5)\n fldl 56(%5)\n"
        "1: dec %0\n jnz 1b\n"
        "fnstsw %2\n fnstcw %1\n fninit\n"
        : "+r"(turns), "=m"(seen), "=m"(status), "=m"(out)
        : "m"(control), "r"(in), "m"(in)
        : "cc");
    CHECK_EQ(seen, control);
    CHECK_EQ(status >> 11 & 7, 0);  // eight values pushed: the top has gone round once
    turns = 20000000;
    __asm__ volatile(
        "fldl 0(%2)\n fldl 8(%2)\n fldl 16(%2)\n fldl 24(%2)\n"
        "fldl 32(%2)\n fldl 40(%2)\n fldl 48(%2)\n fldl 56(%2)\n"
        "1: dec %0\n jnz 1b\n"
        "fstpl 56(%3)\n fstpl 48(%3)\n fstpl 40(%3)\n fstpl 32(%3)\n"
        "fstpl 24(%3)\n fstpl 16(%3)\n fstpl 8(%3)\n fstpl 0(%3)\n"
        : "+r"(turns), "=m"(out)
        : "r"(in), "r"(out), "m"(in)
        : "cc");
    CHECK(memcmp(in, out, sizeof in) == 0);
  }
  return feature_pass();
}
