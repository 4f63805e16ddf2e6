// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a robust mutex tells its next owner that the last one died, within one process
// Group: threads
#include <pthread.h>

#include "feature.h"

static pthread_mutex_t mutex;

static void* die_holding(void* unused) {
  (void)unused;
  OK(pthread_mutex_lock(&mutex));
  return NULL;
}

int main(void) {
  pthread_mutexattr_t attributes;
  OK(pthread_mutexattr_init(&attributes));
  OK(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST));
  while (feature_more()) {
    OK(pthread_mutex_init(&mutex, &attributes));
    for (int i = 0; i < 20; ++i) {
      pthread_t thread;
      OK(pthread_create(&thread, NULL, die_holding, NULL));
      OK(pthread_join(thread, NULL));
      CHECK_EQ(pthread_mutex_lock(&mutex), EOWNERDEAD);
      OK(pthread_mutex_consistent(&mutex));
      OK(pthread_mutex_unlock(&mutex));
      feature_work();
    }
    OK(pthread_mutex_destroy(&mutex));
  }
  return feature_pass();
}
