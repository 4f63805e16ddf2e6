// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: each thread keeps its own signal mask
// Group: signals
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

static atomic_bool stop;

static void* run(void* number) {
  sigset_t mine, seen;
  sigemptyset(&mine);
  for (int s = 34; s < 60; ++s) {
    if (s % 5 == (int)(uintptr_t)number) sigaddset(&mine, s);
  }
  OK(pthread_sigmask(SIG_SETMASK, &mine, NULL));
  while (!atomic_load(&stop)) {
    feature_work();
    OK(pthread_sigmask(SIG_SETMASK, NULL, &seen));
    for (int s = 1; s < 65; ++s) CHECK_EQ(sigismember(&seen, s), sigismember(&mine, s));
  }
  return NULL;
}

int main(void) {
  pthread_t threads[4];
  for (uintptr_t i = 0; i < 4; ++i) OK(pthread_create(&threads[i], NULL, run, (void*)i));
  while (feature_more()) usleep(10000);
  atomic_store(&stop, true);
  for (int i = 0; i < 4; ++i) OK(pthread_join(threads[i], NULL));
  return feature_pass();
}
