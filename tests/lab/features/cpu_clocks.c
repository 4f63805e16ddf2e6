// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: CPU clocks of process and thread never go back and grow with work
// Group: time
#include "feature.h"

int main(void) {
  int64_t process = 0, thread = 0;
  while (feature_more()) {
    const int64_t start = feature_clock(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < 20; ++i) {
      feature_work();
      const int64_t p = feature_clock(CLOCK_PROCESS_CPUTIME_ID);
      const int64_t t = feature_clock(CLOCK_THREAD_CPUTIME_ID);
      CHECK(p >= process);
      CHECK(t >= thread);
      process = p, thread = t;
    }
    CHECK(thread > start);
    CHECK(process >= thread - 1000000);
    CHECK(clock() >= 0);
  }
  return feature_pass();
}
