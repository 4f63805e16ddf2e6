// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: the first thread ends while others work on, and one of them ends the process
// Group: threads
// Stays: its first thread has ended
#include <pthread.h>

#include "feature.h"

static void* run(void* first) {
  void* value;
  OK(pthread_join(*(pthread_t*)first, &value));
  CHECK_EQ((uintptr_t)value, 9);
  const uint64_t want = feature_work();
  while (feature_more()) CHECK_EQ(feature_work(), want);
  exit(feature_pass());
}

int main(void) {
  static pthread_t first;
  first = pthread_self();
  pthread_t thread;
  OK(pthread_create(&thread, NULL, run, &first));
  pthread_exit((void*)9);
}
