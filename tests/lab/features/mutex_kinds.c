// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: recursive and error-checking mutexes still know their owner
// Group: threads
#include <pthread.h>

#include "feature.h"

static pthread_mutex_t recursive, checking;

static void* other(void* unused) {
  CHECK_EQ(pthread_mutex_trylock(&recursive), EBUSY);
  CHECK_EQ(pthread_mutex_unlock(&checking), EPERM);
  return unused;
}

int main(void) {
  pthread_mutexattr_t attributes;
  OK(pthread_mutexattr_init(&attributes));
  OK(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE));
  OK(pthread_mutex_init(&recursive, &attributes));
  OK(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK));
  OK(pthread_mutex_init(&checking, &attributes));
  while (feature_more()) {
    for (int i = 0; i < 10; ++i) OK(pthread_mutex_lock(&recursive));
    OK(pthread_mutex_lock(&checking));
    feature_work();
    CHECK_EQ(pthread_mutex_lock(&checking), EDEADLK);
    pthread_t thread;
    OK(pthread_create(&thread, NULL, other, NULL));
    OK(pthread_join(thread, NULL));
    OK(pthread_mutex_unlock(&checking));
    for (int i = 0; i < 10; ++i) OK(pthread_mutex_unlock(&recursive));
    CHECK_EQ(pthread_mutex_unlock(&recursive), EPERM);
  }
  return feature_pass();
}
