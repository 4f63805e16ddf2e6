// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: the eight MMX registers survive
// Group: cpu
#include "feature.h"

int main(void) {
  uint64_t in[8], out[8], seed = 4;
  while (feature_more()) {
    for (int i = 0; i < 8; ++i) in[i] = feature_random(&seed);
    uint64_t turns = 20000000;
    __asm__ volatile(
        "movq 0(%2), %%mm0\n movq 8(%2), %%mm1\n movq 16(%2), %%mm2\n movq 24(%2), %%mm3\n"
        "movq 32(%2), %%mm4\n movq 40(%2), %%mm5\n movq 48(%2), %%mm6\n movq 56(%2), %%mm7\n"
        "1: dec %0\n jnz 1b\n"
        "movq %%mm0, 0(%3)\n movq %%mm1, 8(%3)\n movq %%mm2, 16(%3)\n movq %%mm3, 24(%3)\n"
        "movq %%mm4, 32(%3)\n movq %%mm5, 40(%3)\n movq %%mm6, 48(%3)\n movq %%mm7, 56(%3)\n emms\n"
        : "+r"(turns), "=m"(out)
        : "r"(in), "r"(out), "m"(in)
        : "cc", "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7");
    CHECK(memcmp(in, out, sizeof in) == 0);
  }
  return feature_pass();
}
