// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: every resource limit stays as set, by getrlimit and prlimit
// Group: process
#include <sys/resource.h>

#include "feature.h"

int main(void) {
  struct rlimit want[RLIM_NLIMITS];
  for (int i = 0; i < RLIM_NLIMITS; ++i) {
    SYS(getrlimit((__rlimit_resource_t)i, &want[i]));
    if (i == RLIMIT_CPU || i == RLIMIT_AS || i == RLIMIT_DATA || i == RLIMIT_RTTIME) continue;
    if (want[i].rlim_cur == RLIM_INFINITY || want[i].rlim_cur > 1000000) {
      want[i].rlim_cur = 900000000 + (rlim_t)i * 4096;
      if (want[i].rlim_max < want[i].rlim_cur) want[i].rlim_cur = want[i].rlim_max;
    }
    SYS(setrlimit((__rlimit_resource_t)i, &want[i]));
  }
  while (feature_more()) {
    for (int i = 0; i < RLIM_NLIMITS; ++i) {
      struct rlimit got;
      SYS(prlimit(0, (__rlimit_resource_t)i, NULL, &got));
      CHECK_EQ(got.rlim_cur, want[i].rlim_cur);
      CHECK_EQ(got.rlim_max, want[i].rlim_max);
    }
    feature_work();
  }
  return feature_pass();
}
