// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: the 32 AVX-512 registers and the eight mask registers survive
// Group: cpu
#include "feature.h"

#define EACH(x)                                                                               \
  x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7) x(8) x(9) x(10) x(11) x(12) x(13) x(14) x(15) x(16) \
      x(17) x(18) x(19) x(20) x(21) x(22) x(23) x(24) x(25) x(26) x(27) x(28) x(29) x(30) x(31)
#define EACH8(x) x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7)
#define LOAD(n) "vmovups " #n "*64(%2), %%zmm" #n "\n"
#define STORE(n) "vmovups %%zmm" #n ", " #n "*64(%3)\n"
#define LOAD_MASK(n) "kmovw " #n "*2+2048(%2), %%k" #n "\n"
#define STORE_MASK(n) "kmovw %%k" #n ", " #n "*2+2048(%3)\n"

struct registers {
  uint64_t zmm[32][8];
  uint16_t k[8];
};

__attribute__((target("avx512f"))) static void hold(const struct registers* in,
                                                    struct registers* out) {
  uint64_t turns = 20000000;
  __asm__ volatile(EACH(LOAD) EACH8(LOAD_MASK) "1: dec %0\n jnz 1b\n" EACH(STORE)
                       EACH8(STORE_MASK) "vzeroupper\n"
                   : "+r"(turns), "=m"(*out)
                   : "r"(in), "r"(out), "m"(*in)
                   : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                     "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "xmm16", "xmm17",
                     "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",
                     "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4",
                     "k5", "k6", "k7");
}

int main(void) {
  if (!__builtin_cpu_supports("avx512f")) feature_skip("no AVX-512");
  static struct registers in, out;
  uint64_t seed = 7;
  while (feature_more()) {
    for (int i = 0; i < 256; ++i) in.zmm[i / 8][i % 8] = feature_random(&seed);
    for (int i = 0; i < 8; ++i) in.k[i] = (uint16_t)feature_random(&seed);
    memset(&out, 0, sizeof out);
    hold(&in, &out);
    CHECK(memcmp(in.zmm, out.zmm, sizeof in.zmm) == 0);
    CHECK(memcmp(in.k, out.k, sizeof in.k) == 0);
  }
  return feature_pass();
}
