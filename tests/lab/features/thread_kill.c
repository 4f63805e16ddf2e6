// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: pthread_kill reaches the thread it names and no other
// Group: threads
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

static __thread int me;
static atomic_int hits[4], ready;
static atomic_bool stop;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)context;
  CHECK_EQ(info->si_code, SI_TKILL);
  atomic_fetch_add(&hits[me], 1);
}

static void* run(void* number) {
  me = (int)(uintptr_t)number;
  atomic_fetch_add(&ready, 1);
  while (!atomic_load(&stop)) feature_work();
  return NULL;
}

int main(void) {
  feature_handle(SIGUSR1, on_signal, SA_RESTART);
  pthread_t threads[4];
  threads[0] = pthread_self();
  for (uintptr_t i = 1; i < 4; ++i) OK(pthread_create(&threads[i], NULL, run, (void*)i));
  UNTIL(atomic_load(&ready) == 3);
  int sent = 0;
  while (feature_more()) {
    const int target = sent % 4;
    const int before = atomic_load(&hits[target]);
    OK(pthread_kill(threads[target], SIGUSR1));
    UNTIL(atomic_load(&hits[target]) == before + 1);
    ++sent;
  }
  int sum = 0;
  for (int i = 0; i < 4; ++i) sum += atomic_load(&hits[i]);
  CHECK_EQ(sum, sent);
  atomic_store(&stop, true);
  for (int i = 1; i < 4; ++i) OK(pthread_join(threads[i], NULL));
  return feature_pass();
}
