// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: producer and consumer with condition variables, every item once and in order
// Group: threads
#include <pthread.h>

#include "feature.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static uint64_t ring[8], head, tail;

static void* consume(void* result) {
  for (uint64_t want = 0;; ++want) {
    OK(pthread_mutex_lock(&mutex));
    while (head == tail) OK(pthread_cond_wait(&not_empty, &mutex));
    const uint64_t got = ring[tail++ % 8];
    OK(pthread_cond_signal(&not_full));
    OK(pthread_mutex_unlock(&mutex));
    if (got == UINT64_MAX) {
      *(uint64_t*)result = want;
      return NULL;
    }
    CHECK_EQ(got, want);
  }
}

static void put(uint64_t item) {
  OK(pthread_mutex_lock(&mutex));
  while (head - tail == 8) OK(pthread_cond_wait(&not_full, &mutex));
  ring[head++ % 8] = item;
  OK(pthread_cond_signal(&not_empty));
  OK(pthread_mutex_unlock(&mutex));
}

int main(void) {
  pthread_t thread;
  uint64_t received = 0, sent = 0;
  OK(pthread_create(&thread, NULL, consume, &received));
  while (feature_more()) {
    for (int i = 0; i < 1000; ++i) put(sent++);
  }
  put(UINT64_MAX);
  OK(pthread_join(thread, NULL));
  CHECK_EQ(received, sent);
  return feature_pass();
}
