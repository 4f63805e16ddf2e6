// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a priority-inheritance mutex under contention, whose futex holds the owner's tid
// Group: threads
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "feature.h"

static pthread_mutex_t mutex;
static atomic_bool stop;
static int inside;

static void* contend(void* unused) {
  while (!atomic_load(&stop)) {
    OK(pthread_mutex_lock(&mutex));
    CHECK_EQ(inside++, 0);
    for (volatile int i = 0; i < 2000; i = i + 1) continue;
    CHECK_EQ(mutex.__data.__lock & 0x3fffffff, syscall(SYS_gettid));
    CHECK_EQ(--inside, 0);
    OK(pthread_mutex_unlock(&mutex));
  }
  return unused;
}

int main(void) {
  pthread_mutexattr_t attributes;
  OK(pthread_mutexattr_init(&attributes));
  OK(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT));
  OK(pthread_mutex_init(&mutex, &attributes));
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) OK(pthread_create(&threads[i], NULL, contend, NULL));
  while (feature_more()) usleep(10000);
  atomic_store(&stop, true);
  for (int i = 0; i < 3; ++i) OK(pthread_join(threads[i], NULL));
  return feature_pass();
}
