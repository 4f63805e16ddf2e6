// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: membarrier, registered, orders two threads
// Group: process
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "feature.h"

static volatile uint64_t first, second;
static volatile bool stop;

static void* write_both(void* unused) {
  for (uint64_t n = 1; !stop; ++n) {
    first = n;
    __asm__ volatile("" ::: "memory");
    second = n;
  }
  return unused;
}

int main(void) {
  const long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0);
  if (commands < 0 || (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0)
    feature_skip("no membarrier");
  SYS(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0));
  pthread_t thread;
  OK(pthread_create(&thread, NULL, write_both, NULL));
  while (feature_more()) {
    for (int i = 0; i < 100; ++i) {
      const uint64_t s = second;
      SYS(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
      CHECK(first >= s);
    }
  }
  stop = true;
  OK(pthread_join(thread, NULL));
  return feature_pass();
}
