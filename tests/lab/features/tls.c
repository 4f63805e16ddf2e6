// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: thread-local variables and the FS base of several threads
// Group: cpu
#include <asm/prctl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "feature.h"

static __thread uint64_t mine = 42;
static __thread unsigned char block[5000];
static atomic_bool stop;

static void* look(void* number) {
  const uint64_t n = (uintptr_t)number;
  uint64_t base = 0, again = 0;
  SYS(syscall(SYS_arch_prctl, ARCH_GET_FS, &base));
  CHECK_EQ(mine, 42);
  mine = n;
  memset(block, (int)n, sizeof block);
  uint64_t* const address = &mine;
  while (!atomic_load(&stop)) {
    for (volatile int i = 0; i < 100000; i = i + 1) continue;
    CHECK_EQ(mine, n);
    CHECK(&mine == address);
    for (size_t i = 0; i < sizeof block; ++i) CHECK_EQ(block[i], n);
    SYS(syscall(SYS_arch_prctl, ARCH_GET_FS, &again));
    CHECK_EQ(again, base);
  }
  return NULL;
}

int main(void) {
  pthread_t threads[4];
  for (uintptr_t i = 0; i < 4; ++i) OK(pthread_create(&threads[i], NULL, look, (void*)(i + 1)));
  while (feature_more()) usleep(10000);
  CHECK_EQ(mine, 42);
  atomic_store(&stop, true);
  for (int i = 0; i < 4; ++i) OK(pthread_join(threads[i], NULL));
  return feature_pass();
}
