// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: the vdso and the system call agree about the time
// Group: time
#include <sys/syscall.h>

#include "feature.h"

static int64_t by_syscall(clockid_t clock) {
  struct timespec t;
  SYS(syscall(SYS_clock_gettime, clock, &t));
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(void) {
  while (feature_more()) {
    for (int i = 0; i < 100; ++i) {
      const int64_t a = by_syscall(CLOCK_MONOTONIC), b = feature_clock(CLOCK_MONOTONIC),
                    c = by_syscall(CLOCK_MONOTONIC);
      CHECK(a <= b && b <= c);
      const int64_t d = by_syscall(CLOCK_BOOTTIME), e = feature_clock(CLOCK_BOOTTIME),
                    f = by_syscall(CLOCK_BOOTTIME);
      CHECK(d <= e && e <= f);
    }
    // Wall clocks of two nodes may differ by their synchronisation: a minute is a broken vdso.
    struct timeval tv;
    SYS(gettimeofday(&tv, NULL));
    const int64_t wall = by_syscall(CLOCK_REALTIME) / 1000000000;
    CHECK(llabs(wall - tv.tv_sec) < 60);
    CHECK(llabs(wall - time(NULL)) < 60);
    feature_work();
  }
  return feature_pass();
}
