// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: long double sums, 80 bits wide, lose nothing
// Group: cpu
#include "feature.h"

static long double harmonic(void) {
  volatile long double sum = 0;
  for (int i = 1; i <= 1000000; ++i) sum = sum + 1.0L / i;
  return sum;
}

int main(void) {
  const long double first = harmonic();
  while (feature_more()) {
    const long double again = harmonic();
    CHECK(memcmp(&again, &first, 10) == 0);
  }
  printf("%.18Lf\n", first);
  return feature_pass();
}
