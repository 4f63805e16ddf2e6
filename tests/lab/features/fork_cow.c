// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: after fork parent and child write their own copies of the same pages
// Group: process
#include "feature.h"

enum { kPages = 128 };

int main(void) {
  uint64_t* const base = aligned_alloc(4096, kPages * 4096);
  CHECK(base != NULL);
  for (uint64_t p = 0; p < kPages; ++p) base[p * 512] = p;
  for (uint64_t round = 1; feature_more(); ++round) {
    const pid_t pid = feature_fork();
    const uint64_t side = pid == 0 ? 1 : 2;
    for (uint64_t p = 0; p < kPages; ++p) {
      CHECK_EQ(base[p * 512], p + (round - 1) * 2000);
      base[p * 512] = p + (pid == 0 ? 1000 : round * 2000);
    }
    feature_work();
    for (uint64_t p = 0; p < kPages; ++p)
      CHECK_EQ(base[p * 512], p + (side == 1 ? 1000 : round * 2000));
    if (pid == 0) _exit(3);
    feature_wait_exit(pid, 3);
  }
  return feature_pass();
}
