// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: timers without notification run down, absolute and relative
// Group: time
#include "feature.h"

int main(void) {
  struct sigevent event = {.sigev_notify = SIGEV_NONE};
  timer_t relative, absolute;
  SYS(timer_create(CLOCK_MONOTONIC, &event, &relative));
  SYS(timer_create(CLOCK_MONOTONIC, &event, &absolute));
  const int64_t start = feature_now(), until = start + 1000000000000;
  const struct itimerspec r = {{0, 0}, {1000, 0}};
  const struct itimerspec a = {{0, 0}, {until / 1000000000, until % 1000000000}};
  SYS(timer_settime(relative, 0, &r, NULL));
  SYS(timer_settime(absolute, TIMER_ABSTIME, &a, NULL));
  while (feature_more()) {
    struct itimerspec left;
    feature_work();
    const int64_t before = feature_now();
    SYS(timer_gettime(absolute, &left));
    const int64_t after = feature_now();
    const int64_t end = left.it_value.tv_sec * 1000000000LL + left.it_value.tv_nsec;
    CHECK(end <= until - before && end >= until - after);
    SYS(timer_gettime(relative, &left));
    CHECK(left.it_value.tv_sec < 1000 && left.it_value.tv_sec > 500);
  }
  return feature_pass();
}
