// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a pipe between two threads carries every byte in order, blocking at both ends
// Group: ipc
#include <pthread.h>

#include "feature.h"

static int fds[2];

static void* produce(void* unused) {
  uint64_t seed = 24;
  unsigned char block[5000];
  unsigned char next = 0;
  while (feature_more()) {
    const size_t size = feature_random(&seed) % sizeof block + 1;
    for (size_t i = 0; i < size; ++i) block[i] = next++;
    for (size_t done = 0; done < size;)
      done += (size_t)SYS(write(fds[1], block + done, size - done));
  }
  SYS(close(fds[1]));
  return unused;
}

int main(void) {
  SYS(pipe(fds));
  pthread_t thread;
  OK(pthread_create(&thread, NULL, produce, NULL));
  unsigned char block[3000], want = 0;
  ssize_t r;
  while ((r = SYS(read(fds[0], block, sizeof block))) > 0) {
    for (ssize_t i = 0; i < r; ++i) CHECK_EQ(block[i], want++);
  }
  OK(pthread_join(thread, NULL));
  return feature_pass();
}
