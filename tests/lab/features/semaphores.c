// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: unnamed POSIX semaphores pass a token round a ring of threads
// Group: threads
#include <pthread.h>
#include <semaphore.h>

#include "feature.h"

enum { kRing = 4 };
static sem_t turn[kRing];
static volatile uint64_t token;
static volatile bool stop;

static void* pass(void* number) {
  const uint64_t n = (uintptr_t)number;
  for (uint64_t round = 0;; ++round) {
    while (sem_wait(&turn[n]) != 0) CHECK_EQ(errno, EINTR);
    const bool over = stop;
    if (!over) {
      CHECK_EQ(token, round * kRing + n);
      ++token;
    }
    SYS(sem_post(&turn[(n + 1) % kRing]));
    if (over) return NULL;
  }
}

int main(void) {
  pthread_t threads[kRing];
  for (int i = 0; i < kRing; ++i) SYS(sem_init(&turn[i], 0, 0));
  for (uintptr_t i = 0; i < kRing; ++i) OK(pthread_create(&threads[i], NULL, pass, (void*)i));
  SYS(sem_post(&turn[0]));
  while (feature_more()) usleep(10000);
  stop = true;
  for (int i = 0; i < kRing; ++i) OK(pthread_join(threads[i], NULL));
  CHECK(token > 0);
  return feature_pass();
}
