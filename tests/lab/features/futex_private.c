// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: four threads contend for a lock made of a private futex, and exclude each other
// Group: threads
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "feature.h"

// Drepper, "Futexes Are Tricky", mutex 2: 0 free, 1 held, 2 held with waiters.
static atomic_int lock_word;
static atomic_bool stop;
static unsigned long inside, total;

static void lock(void) {
  int seen = 0;
  if (atomic_compare_exchange_strong(&lock_word, &seen, 1)) return;
  if (seen != 2) seen = atomic_exchange(&lock_word, 2);
  while (seen != 0) {
    const long r = syscall(SYS_futex, &lock_word, FUTEX_WAIT_PRIVATE, 2, NULL);
    CHECK(r == 0 || errno == EAGAIN || errno == EINTR);
    seen = atomic_exchange(&lock_word, 2);
  }
}

static void unlock(void) {
  if (atomic_exchange(&lock_word, 0) == 2) {
    SYS(syscall(SYS_futex, &lock_word, FUTEX_WAKE_PRIVATE, 1));
  }
}

static void* contend(void* count) {
  unsigned long own = 0;
  while (!atomic_load(&stop)) {
    lock();
    CHECK_EQ(inside++, 0);
    for (volatile int i = 0; i < 200; i = i + 1) continue;
    ++total;
    CHECK_EQ(--inside, 0);
    unlock();
    ++own;
  }
  *(unsigned long*)count = own;
  return NULL;
}

int main(void) {
  pthread_t threads[4];
  unsigned long counts[4], sum = 0;
  for (int i = 0; i < 4; ++i) OK(pthread_create(&threads[i], NULL, contend, &counts[i]));
  while (feature_more()) usleep(10000);
  atomic_store(&stop, true);
  for (int i = 0; i < 4; ++i) {
    OK(pthread_join(threads[i], NULL));
    sum += counts[i];
  }
  CHECK_EQ(total, sum);
  return feature_pass();
}
