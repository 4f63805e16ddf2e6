// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: the sixteen SSE registers survive
// Group: cpu
#include "feature.h"

#define EACH(x) \
  x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7) x(8) x(9) x(10) x(11) x(12) x(13) x(14) x(15)
#define LOAD(n) "movups " #n "*16(%2), %%xmm" #n "\n"
#define STORE(n) "movups %%xmm" #n ", " #n "*16(%3)\n"

int main(void) {
  uint64_t in[16][2], out[16][2], seed = 5;
  while (feature_more()) {
    for (int i = 0; i < 32; ++i) in[i / 2][i % 2] = feature_random(&seed);
    uint64_t turns = 20000000;
    __asm__ volatile(EACH(LOAD) "1: dec %0\n jnz 1b\n" EACH(STORE)
                     : "+r"(turns), "=m"(out)
                     : "r"(in), "r"(out), "m"(in)
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    CHECK(memcmp(in, out, sizeof in) == 0);
  }
  return feature_pass();
}
