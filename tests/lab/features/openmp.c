// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: OpenMP loops with a reduction give the same sum every time
// Group: threads
// Links: -fopenmp
#include <omp.h>

#include "feature.h"

int main(void) {
  omp_set_num_threads(4);
  uint64_t first = 0;
  while (feature_more()) {
    uint64_t sum = 0;
#pragma omp parallel for reduction(+ : sum) schedule(dynamic, 64)
    for (int i = 0; i < 20000; ++i) {
      uint64_t state = (uint64_t)i + 1;
      for (int n = 0; n < 20; ++n) sum += feature_random(&state);
    }
    if (first == 0) first = sum;
    CHECK_EQ(sum, first);
  }
  printf("%016llx\n", (unsigned long long)first);
  return feature_pass();
}
