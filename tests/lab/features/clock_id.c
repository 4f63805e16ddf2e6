// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: another process and another thread have CPU clocks that can be read
// Group: time
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

static atomic_bool stop;

static void* spin(void* unused) {
  while (!atomic_load(&stop)) feature_work();
  return unused;
}

int main(void) {
  pthread_t thread;
  OK(pthread_create(&thread, NULL, spin, NULL));
  clockid_t of_thread, of_process;
  OK(pthread_getcpuclockid(thread, &of_thread));
  OK(clock_getcpuclockid(getpid(), &of_process));
  int64_t t = 0, p = 0;
  while (feature_more()) {
    usleep(5000);
    const int64_t now_t = feature_clock(of_thread), now_p = feature_clock(of_process);
    CHECK(now_t >= t && now_p >= p);
    t = now_t, p = now_p;
  }
  UNTIL(feature_clock(of_thread) > 0);
  atomic_store(&stop, true);
  OK(pthread_join(thread, NULL));
  return feature_pass();
}
