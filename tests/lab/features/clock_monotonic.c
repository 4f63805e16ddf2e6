// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: the monotonic clocks never go back, in any thread, by vdso or by system call
// Group: time
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "feature.h"

static _Atomic int64_t latest;
static atomic_bool stop;

static int64_t by_syscall(clockid_t clock) {
  struct timespec t;
  SYS(syscall(SYS_clock_gettime, clock, &t));
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void* watch(void* unused) {
  int64_t raw = 0, boot = 0, coarse = 0;
  for (unsigned i = 0; !atomic_load(&stop); ++i) {
    const int64_t seen = atomic_load(&latest);
    const int64_t now = i % 3 ? feature_now() : by_syscall(CLOCK_MONOTONIC);
    CHECK(now >= seen);
    int64_t expected = seen;
    while (expected < now && !atomic_compare_exchange_weak(&latest, &expected, now)) continue;
    const int64_t r = feature_clock(CLOCK_MONOTONIC_RAW), b = feature_clock(CLOCK_BOOTTIME),
                  c = feature_clock(CLOCK_MONOTONIC_COARSE);
    CHECK(r >= raw && b >= boot && c >= coarse);
    raw = r, boot = b, coarse = c;
  }
  return unused;
}

int main(void) {
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) OK(pthread_create(&threads[i], NULL, watch, NULL));
  while (feature_more()) usleep(10000);
  atomic_store(&stop, true);
  for (int i = 0; i < 3; ++i) OK(pthread_join(threads[i], NULL));
  return feature_pass();
}
