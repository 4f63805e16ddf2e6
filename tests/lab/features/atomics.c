// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: lock-free counters of four threads lose no increment
// Group: cpu
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

static atomic_ulong shared;
static atomic_bool stop;

static void* add(void* count) {
  unsigned long own = 0;
  while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
    unsigned long seen = atomic_load(&shared);
    while (!atomic_compare_exchange_weak(&shared, &seen, seen + 1)) continue;
    ++own;
  }
  *(unsigned long*)count = own;
  return NULL;
}

int main(void) {
  pthread_t threads[4];
  unsigned long counts[4], sum = 0;
  for (int i = 0; i < 4; ++i) OK(pthread_create(&threads[i], NULL, add, &counts[i]));
  while (feature_more()) usleep(10000);
  atomic_store(&stop, true);
  for (int i = 0; i < 4; ++i) {
    OK(pthread_join(threads[i], NULL));
    sum += counts[i];
  }
  CHECK_EQ(atomic_load(&shared), sum);
  return feature_pass();
}
