// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: pthread_cancel, deferred in a blocking call and asynchronous in a loop, with clean-up
// Group: threads
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

static atomic_int cleaned, ready;

static void clean(void* unused) {
  (void)unused;
  atomic_fetch_add(&cleaned, 1);
}

static void* blocked(void* unused) {
  pthread_cleanup_push(clean, NULL);
  atomic_fetch_add(&ready, 1);
  while (true) pause();
  pthread_cleanup_pop(0);
  return unused;
}

static void* spinning(void* unused) {
  int old;
  pthread_cleanup_push(clean, NULL);
  OK(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old));
  atomic_fetch_add(&ready, 1);
  for (volatile unsigned long i = 0;; i = i + 1) continue;
  pthread_cleanup_pop(0);
  return unused;
}

int main(void) {
  while (feature_more()) {
    atomic_store(&cleaned, 0);
    atomic_store(&ready, 0);
    pthread_t a, b;
    OK(pthread_create(&a, NULL, blocked, NULL));
    OK(pthread_create(&b, NULL, spinning, NULL));
    UNTIL(atomic_load(&ready) == 2);
    OK(pthread_cancel(a));
    OK(pthread_cancel(b));
    void *ra, *rb;
    OK(pthread_join(a, &ra));
    OK(pthread_join(b, &rb));
    CHECK(ra == PTHREAD_CANCELED && rb == PTHREAD_CANCELED);
    CHECK_EQ(atomic_load(&cleaned), 2);
  }
  return feature_pass();
}
