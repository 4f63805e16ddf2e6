// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: threads on stacks the program chose, deep and with their contents kept
// Group: threads
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "feature.h"

enum { kStack = 1 << 20 };
static atomic_bool stop;

__attribute__((noinline)) static uint64_t deep(int depth, char* low, char* high) {
  volatile unsigned char frame[512];
  CHECK((char*)frame >= low && (char*)frame < high);
  for (unsigned i = 0; i < sizeof frame; ++i) frame[i] = (unsigned char)(depth + (int)i);
  const uint64_t sum = depth > 0 ? deep(depth - 1, low, high) : 0;
  for (unsigned i = 0; i < sizeof frame; ++i) CHECK_EQ(frame[i], (unsigned char)(depth + (int)i));
  return sum + 1;
}

static void* run(void* stack) {
  while (!atomic_load(&stop)) CHECK_EQ(deep(1000, stack, (char*)stack + kStack), 1001);
  return NULL;
}

int main(void) {
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) {
    void* const stack =
        mmap(NULL, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack != MAP_FAILED);
    pthread_attr_t attributes;
    OK(pthread_attr_init(&attributes));
    OK(pthread_attr_setstack(&attributes, stack, kStack));
    OK(pthread_create(&threads[i], &attributes, run, stack));
  }
  while (feature_more()) usleep(10000);
  atomic_store(&stop, true);
  for (int i = 0; i < 3; ++i) OK(pthread_join(threads[i], NULL));
  return feature_pass();
}
