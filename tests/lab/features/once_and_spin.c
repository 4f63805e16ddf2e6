// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: pthread_once runs once, and a spin lock excludes
// Group: threads
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

static pthread_once_t once;
static pthread_spinlock_t spin;
static atomic_int initialised;
static int inside;

static void initialise(void) {
  for (volatile int i = 0; i < 100000; i = i + 1) continue;
  atomic_fetch_add(&initialised, 1);
}

static void* run(void* unused) {
  OK(pthread_once(&once, initialise));
  CHECK_EQ(atomic_load(&initialised), 1);
  for (int n = 0; n < 200; ++n) {
    OK(pthread_spin_lock(&spin));
    CHECK_EQ(inside++, 0);
    CHECK_EQ(--inside, 0);
    OK(pthread_spin_unlock(&spin));
  }
  return unused;
}

int main(void) {
  OK(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE));
  while (feature_more()) {
    const pthread_once_t fresh = PTHREAD_ONCE_INIT;
    once = fresh;
    atomic_store(&initialised, 0);
    pthread_t threads[3];
    for (int i = 0; i < 3; ++i) OK(pthread_create(&threads[i], NULL, run, NULL));
    for (int i = 0; i < 3; ++i) OK(pthread_join(threads[i], NULL));
  }
  return feature_pass();
}
