// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: eventfd as counter and semaphore, blocking between threads
// Group: ipc
#include <pthread.h>
#include <sys/eventfd.h>

#include "feature.h"

static int go, done;

static void* answer(void* unused) {
  while (true) {
    uint64_t value;
    CHECK_EQ(read(go, &value, 8), 8);
    if (value >= 1000000) return unused;
    value *= 2;
    CHECK_EQ(write(done, &value, 8), 8);
  }
}

int main(void) {
  go = (int)SYS(eventfd(0, 0));
  done = (int)SYS(eventfd(0, 0));
  const int semaphore = (int)SYS(eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK));
  pthread_t thread;
  OK(pthread_create(&thread, NULL, answer, NULL));
  const uint64_t end = 1000000, three = 3;
  for (uint64_t n = 1; feature_more(); n = n % 1000 + 1) {
    uint64_t value;
    CHECK_EQ(write(go, &n, 8), 8);
    CHECK_EQ(read(done, &value, 8), 8);
    CHECK_EQ(value, 2 * n);
    for (int i = 0; i < 3; ++i) {
      CHECK_EQ(read(semaphore, &value, 8), 8);
      CHECK_EQ(value, 1);
    }
    CHECK_EQ(read(semaphore, &value, 8), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(write(semaphore, &three, 8), 8);
  }
  CHECK_EQ(write(go, &end, 8), 8);
  OK(pthread_join(thread, NULL));
  return feature_pass();
}
