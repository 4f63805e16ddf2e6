// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: readers of a rwlock never see what a writer has half done
// Group: threads
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static volatile uint64_t value, copy;
static atomic_bool stop;

static void* reader(void* unused) {
  while (!atomic_load(&stop)) {
    OK(pthread_rwlock_rdlock(&lock));
    const uint64_t a = value;
    for (volatile int i = 0; i < 500; i = i + 1) continue;
    CHECK_EQ(a, copy);
    OK(pthread_rwlock_unlock(&lock));
    usleep(100);
  }
  return unused;
}

int main(void) {
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) OK(pthread_create(&threads[i], NULL, reader, NULL));
  while (feature_more()) {
    OK(pthread_rwlock_wrlock(&lock));
    value = value + 1;
    for (volatile int i = 0; i < 500; i = i + 1) continue;
    copy = copy + 1;
    OK(pthread_rwlock_unlock(&lock));
  }
  atomic_store(&stop, true);
  for (int i = 0; i < 3; ++i) OK(pthread_join(threads[i], NULL));
  return feature_pass();
}
