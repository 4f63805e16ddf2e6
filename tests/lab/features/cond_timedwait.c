// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: pthread_cond_timedwait on the monotonic clock times out, not early
// Group: threads
#include <pthread.h>

#include "feature.h"

int main(void) {
  pthread_condattr_t attributes;
  pthread_cond_t cond;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  OK(pthread_condattr_init(&attributes));
  OK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
  OK(pthread_cond_init(&cond, &attributes));
  while (feature_more()) {
    OK(pthread_mutex_lock(&mutex));
    const int64_t until = feature_now() + 15000000;
    const struct timespec t = {until / 1000000000, until % 1000000000};
    int r;
    do r = pthread_cond_timedwait(&cond, &mutex, &t);
    while (r == 0);
    CHECK_EQ(r, ETIMEDOUT);
    CHECK(feature_now() >= until);
    OK(pthread_mutex_unlock(&mutex));
    feature_work();
  }
  return feature_pass();
}
