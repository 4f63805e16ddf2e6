// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a nanosleep that a signal ends tells how much was left
// Group: time
#include "feature.h"

static volatile int count;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  count = count + 1;
}

int main(void) {
  feature_handle(SIGALRM, on_signal, 0);
  while (feature_more()) {
    // Again and again: the first may come before the sleep begins.
    const struct itimerval t = {.it_interval = {0, 20000}, .it_value = {0, 20000}};
    const struct itimerval off = {0};
    const struct timespec wanted = {300, 0};
    struct timespec rest = {0, 0};
    const int64_t start = feature_now();
    count = 0;
    SYS(setitimer(ITIMER_REAL, &t, NULL));
    const int r = nanosleep(&wanted, &rest);
    const int64_t slept = feature_now() - start;
    const int error = errno;
    SYS(setitimer(ITIMER_REAL, &off, NULL));
    CHECK(r == -1);
    CHECK_EQ(error, EINTR);
    CHECK(count > 0);
    const int64_t left = rest.tv_sec * 1000000000LL + rest.tv_nsec;
    CHECK(left < 300000000000 && left >= 300000000000 - slept);
    feature_work();
  }
  return feature_pass();
}
