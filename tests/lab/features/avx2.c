// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: AVX2 integer arithmetic gives the same as scalar arithmetic, round for round
// Group: cpu
#include <immintrin.h>

#include "feature.h"

__attribute__((target("avx2"))) static void vector(uint32_t lanes[8], int turns) {
  __m256i x = _mm256_loadu_si256((const __m256i*)lanes);
  const __m256i factor = _mm256_set1_epi32(1664525), step = _mm256_set1_epi32(1013904223);
  for (int i = 0; i < turns; ++i) x = _mm256_add_epi32(_mm256_mullo_epi32(x, factor), step);
  _mm256_storeu_si256((__m256i*)lanes, x);
}

int main(void) {
  if (!__builtin_cpu_supports("avx2")) feature_skip("no AVX2");
  const int turns = 2000000;
  uint32_t want[8];
  for (uint32_t i = 0; i < 8; ++i) {
    want[i] = i;
    for (int n = 0; n < turns; ++n) want[i] = want[i] * 1664525 + 1013904223;
  }
  while (feature_more()) {
    uint32_t lanes[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    vector(lanes, turns);
    for (int i = 0; i < 8; ++i) CHECK_EQ(lanes[i], want[i]);
  }
  printf("%08x\n", want[7]);
  return feature_pass();
}
