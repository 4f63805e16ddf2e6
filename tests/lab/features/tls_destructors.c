// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: destructors of thread-specific data run once for each thread, with its value
// Group: threads
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

static pthread_key_t key;
static atomic_ulong sum;

static void destroy(void* value) {
  atomic_fetch_add(&sum, (uintptr_t)value);
}

static void* run(void* value) {
  OK(pthread_setspecific(key, value));
  for (volatile int i = 0; i < 5000; i = i + 1) continue;
  CHECK(pthread_getspecific(key) == value);
  return NULL;
}

int main(void) {
  OK(pthread_key_create(&key, destroy));
  while (feature_more()) {
    atomic_store(&sum, 0);
    pthread_t threads[5];
    for (uintptr_t i = 0; i < 5; ++i) OK(pthread_create(&threads[i], NULL, run, (void*)(i + 1)));
    for (int i = 0; i < 5; ++i) OK(pthread_join(threads[i], NULL));
    CHECK_EQ(atomic_load(&sum), 15);
  }
  return feature_pass();
}
