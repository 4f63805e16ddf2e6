// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: threads are created and joined in a loop and return their values
// Group: threads
#include <pthread.h>

#include "feature.h"

static void* square(void* n) {
  volatile uintptr_t x = (uintptr_t)n;
  for (volatile int i = 0; i < 1000; i = i + 1) continue;
  return (void*)(x * x);
}

int main(void) {
  uintptr_t n = 0;
  while (feature_more()) {
    pthread_t threads[4];
    for (int i = 0; i < 4; ++i)
      OK(pthread_create(&threads[i], NULL, square, (void*)(n + (uintptr_t)i)));
    for (int i = 0; i < 4; ++i) {
      void* result;
      OK(pthread_join(threads[i], &result));
      CHECK_EQ((uintptr_t)result, (n + (uintptr_t)i) * (n + (uintptr_t)i));
    }
    n += 4;
    feature_work();
  }
  return feature_pass();
}
