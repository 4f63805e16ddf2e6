// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: 64 threads compute side by side, each with its own numbers
// Group: threads
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

enum { kThreads = 64 };
static atomic_bool stop;

static uint64_t series(uint64_t seed) {
  uint64_t sum = 0;
  for (int i = 0; i < 2000; ++i) sum += feature_random(&seed);
  return sum;
}

static void* compute(void* seed) {
  const uint64_t first = series((uintptr_t)seed);
  while (!atomic_load(&stop)) {
    CHECK_EQ(series((uintptr_t)seed), first);
    sched_yield();
  }
  return (void*)(uintptr_t)first;
}

int main(void) {
  pthread_t threads[kThreads];
  for (uintptr_t i = 0; i < kThreads; ++i)
    OK(pthread_create(&threads[i], NULL, compute, (void*)(i + 1)));
  while (feature_more()) usleep(20000);
  atomic_store(&stop, true);
  uint64_t hash = kFeatureHash;
  for (int i = 0; i < kThreads; ++i) {
    void* sum;
    OK(pthread_join(threads[i], &sum));
    hash = feature_hash(hash, &sum, sizeof sum);
  }
  printf("%016llx\n", (unsigned long long)hash);
  return feature_pass();
}
