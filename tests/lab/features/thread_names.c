// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: each thread keeps the name it gave itself
// Group: threads
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

static atomic_bool stop;

static void* run(void* number) {
  char want[16], got[16];
  snprintf(want, sizeof want, "worker-%d", (int)(uintptr_t)number);
  OK(pthread_setname_np(pthread_self(), want));
  while (!atomic_load(&stop)) {
    feature_work();
    OK(pthread_getname_np(pthread_self(), got, sizeof got));
    CHECK(strcmp(got, want) == 0);
  }
  return NULL;
}

int main(void) {
  pthread_t threads[3];
  for (uintptr_t i = 0; i < 3; ++i) OK(pthread_create(&threads[i], NULL, run, (void*)i));
  while (feature_more()) usleep(10000);
  atomic_store(&stop, true);
  for (int i = 0; i < 3; ++i) OK(pthread_join(threads[i], NULL));
  return feature_pass();
}
