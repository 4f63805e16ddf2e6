// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: detached threads that end by themselves, the kernel clearing their tid
// Group: threads
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

static atomic_int done;

static void* run(void* unused) {
  for (volatile int i = 0; i < 10000; i = i + 1) continue;
  atomic_fetch_add(&done, 1);
  pthread_exit(unused);
}

int main(void) {
  pthread_attr_t attributes;
  OK(pthread_attr_init(&attributes));
  OK(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED));
  while (feature_more()) {
    atomic_store(&done, 0);
    for (int i = 0; i < 8; ++i) {
      pthread_t thread;
      OK(pthread_create(&thread, &attributes, run, NULL));
    }
    UNTIL(atomic_load(&done) == 8);
  }
  return feature_pass();
}
