// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: times() never goes back and its clock ticks on
// Group: time
#include <sys/times.h>

#include "feature.h"

int main(void) {
  struct tms last = {0, 0, 0, 0};
  clock_t last_now = times(&last);
  while (feature_more()) {
    struct tms t;
    for (int i = 0; i < 20; ++i) feature_work();
    const clock_t now = times(&t);
    CHECK(now >= last_now);
    CHECK(t.tms_utime >= last.tms_utime && t.tms_stime >= last.tms_stime);
    CHECK_EQ(t.tms_cutime + t.tms_cstime, 0);
    last = t, last_now = now;
  }
  return feature_pass();
}
