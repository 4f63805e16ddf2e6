// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: the upper halves of the sixteen AVX registers survive
// Group: cpu
#include "feature.h"

#define EACH(x) \
  x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7) x(8) x(9) x(10) x(11) x(12) x(13) x(14) x(15)
#define LOAD(n) "vmovups " #n "*32(%2), %%ymm" #n "\n"
#define STORE(n) "vmovups %%ymm" #n ", " #n "*32(%3)\n"

int main(void) {
  if (!__builtin_cpu_supports("avx")) feature_skip("no AVX");
  uint64_t in[16][4], out[16][4], seed = 6;
  while (feature_more()) {
    for (int i = 0; i < 64; ++i) in[i / 4][i % 4] = feature_random(&seed);
    uint64_t turns = 20000000;
    __asm__ volatile(EACH(LOAD) "1: dec %0\n jnz 1b\n" EACH(STORE) "vzeroupper\n"
                     : "+r"(turns), "=m"(out)
                     : "r"(in), "r"(out), "m"(in)
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    CHECK(memcmp(in, out, sizeof in) == 0);
  }
  return feature_pass();
}
