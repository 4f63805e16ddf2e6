// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: timerfd counts its expirations, and TFD_TIMER_ABSTIME is met
// Group: time
#include <poll.h>
#include <sys/timerfd.h>

#include "feature.h"

int main(void) {
  const int fd = (int)SYS(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  const int64_t start = feature_now(), first = start + 10000000;
  const struct itimerspec t = {{0, 3000000}, {first / 1000000000, first % 1000000000}};
  SYS(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL));
  uint64_t total = 0;
  while (feature_more()) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    CHECK_EQ(poll(&p, 1, kFeatureHang), 1);
    uint64_t expirations;
    CHECK_EQ(read(fd, &expirations, 8), 8);
    CHECK(expirations > 0);
    total += expirations;
    const int64_t now = feature_now();
    CHECK(now >= first);
    CHECK(total <= (uint64_t)((now - first) / 3000000 + 1));
    struct itimerspec left;
    SYS(timerfd_gettime(fd, &left));
    CHECK_EQ(left.it_interval.tv_nsec, 3000000);
    feature_work();
  }
  return feature_pass();
}
