// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: pthread barriers keep four threads in step
// Group: threads
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

enum { kThreads = 4 };
static pthread_barrier_t barrier;
static atomic_ulong arrived;
static atomic_bool stop;
static unsigned long serial[kThreads];

static void* step(void* number) {
  const uintptr_t n = (uintptr_t)number;
  for (unsigned long round = 1;; ++round) {
    atomic_fetch_add(&arrived, 1);
    int r = pthread_barrier_wait(&barrier);
    if (r == PTHREAD_BARRIER_SERIAL_THREAD) ++serial[n];
    CHECK_EQ(atomic_load(&arrived), round * kThreads);
    const bool over = atomic_load(&stop);
    // The stop flag is read between two barriers and set only by thread 0 before the first.
    r = pthread_barrier_wait(&barrier);
    if (over) return NULL;
    if (n == 0 && !feature_more()) atomic_store(&stop, true);
    r = pthread_barrier_wait(&barrier);
  }
}

int main(void) {
  OK(pthread_barrier_init(&barrier, NULL, kThreads));
  pthread_t threads[kThreads];
  for (uintptr_t i = 0; i < kThreads; ++i) OK(pthread_create(&threads[i], NULL, step, (void*)i));
  unsigned long chosen = 0;
  for (int i = 0; i < kThreads; ++i) {
    OK(pthread_join(threads[i], NULL));
    chosen += serial[i];
  }
  CHECK_EQ(chosen * kThreads, atomic_load(&arrived));
  return feature_pass();
}
