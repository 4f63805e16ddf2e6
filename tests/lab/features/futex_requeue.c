// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: FUTEX_CMP_REQUEUE moves waiters from one futex to another, none lost
// Group: threads
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "feature.h"

enum { kWaiters = 4 };
static atomic_int gate, barrier, woken;

static void* wait_twice(void* unused) {
  while (atomic_load(&gate) == 0) syscall(SYS_futex, &gate, FUTEX_WAIT_PRIVATE, 0, NULL);
  atomic_fetch_add(&woken, 1);
  return unused;
}

int main(void) {
  while (feature_more()) {
    atomic_store(&gate, 0);
    atomic_store(&woken, 0);
    pthread_t threads[kWaiters];
    for (int i = 0; i < kWaiters; ++i) OK(pthread_create(&threads[i], NULL, wait_twice, NULL));
    // Only those that sleep are moved: wait until all do.
    long moved = 0;
    for (int tries = 0; moved < kWaiters; ++tries) {
      CHECK(tries < 1000000);
      moved += SYS(syscall(SYS_futex, &gate, FUTEX_CMP_REQUEUE_PRIVATE, 0, kWaiters, &barrier, 0));
      // A waiter whose sleep was interrupted goes back to the gate: wake it from either.
      usleep(100);
    }
    CHECK_EQ(atomic_load(&woken), 0);
    atomic_store(&gate, 1);
    for (int tries = 0; atomic_load(&woken) < kWaiters; ++tries) {
      CHECK(tries < 1000000);
      SYS(syscall(SYS_futex, &barrier, FUTEX_WAKE_PRIVATE, 1));
      SYS(syscall(SYS_futex, &gate, FUTEX_WAKE_PRIVATE, kWaiters));
      usleep(100);
    }
    for (int i = 0; i < kWaiters; ++i) OK(pthread_join(threads[i], NULL));
  }
  return feature_pass();
}
