// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: clock_nanosleep to an absolute time, on two clocks
// Group: time
#include "feature.h"

int main(void) {
  while (feature_more()) {
    static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME};
    for (int i = 0; i < 2; ++i) {
      const int64_t until = feature_clock(clocks[i]) + 12000000;
      const struct timespec t = {until / 1000000000, until % 1000000000};
      OK(clock_nanosleep(clocks[i], TIMER_ABSTIME, &t, NULL));
      CHECK(feature_clock(clocks[i]) >= until);
    }
    // A time that has passed: no sleep at all.
    const struct timespec past = {1, 0};
    OK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &past, NULL));
    feature_work();
  }
  return feature_pass();
}
