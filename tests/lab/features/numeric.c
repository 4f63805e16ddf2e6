// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: long floating-point work gives the same bits every time
// Group: cpu
// Links: -lm
#include <math.h>

#include "feature.h"

static uint64_t once(void) {
  static double a[64][64], b[64][64], c[64][64];
  for (int i = 0; i < 64; ++i) {
    for (int j = 0; j < 64; ++j) a[i][j] = sin(i * 64 + j), b[i][j] = exp(-0.001 * i * j);
  }
  for (int n = 0; n < 4; ++n) {
    for (int i = 0; i < 64; ++i) {
      for (int j = 0; j < 64; ++j) {
        c[i][j] = 0;
        for (int k = 0; k < 64; ++k) c[i][j] += a[i][k] * b[k][j];
      }
    }
    for (int i = 0; i < 64; ++i) {
      for (int j = 0; j < 64; ++j) a[i][j] = cos(c[i][j]);
    }
  }
  return feature_hash(kFeatureHash, a, sizeof a);
}

int main(void) {
  const uint64_t first = once();
  while (feature_more()) CHECK_EQ(once(), first);
  return feature_pass();
}
