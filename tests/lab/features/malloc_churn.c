// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: malloc, realloc and free of all sizes in three threads, every block intact
// Group: memory
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

static atomic_bool stop;

static void* churn(void* number) {
  enum { kBlocks = 200 };
  unsigned char* block[kBlocks] = {NULL};
  size_t size[kBlocks] = {0};
  uint64_t seed = (uintptr_t)number + 1;
  while (!atomic_load(&stop)) {
    const size_t i = feature_random(&seed) % kBlocks;
    const unsigned char mark = (unsigned char)(i + (uintptr_t)number);
    for (size_t n = 0; n < size[i]; n += 97) CHECK_EQ(block[i][n], mark);
    const uint64_t dice = feature_random(&seed);
    const size_t wanted = dice % 100 == 0 ? 300000 : dice % 5 == 0 ? 20000 : dice % 500 + 1;
    if (dice >> 60 == 0) {
      free(block[i]);
      block[i] = NULL, size[i] = 0;
    } else {
      block[i] = realloc(block[i], wanted);
      CHECK(block[i] != NULL);
      const size_t common = size[i] < wanted ? size[i] : wanted;
      for (size_t n = 0; n < common; n += 97) CHECK_EQ(block[i][n], mark);
      memset(block[i], mark, wanted);
      size[i] = wanted;
    }
  }
  for (int i = 0; i < kBlocks; ++i) free(block[i]);
  return NULL;
}

int main(void) {
  pthread_t threads[3];
  for (uintptr_t i = 0; i < 3; ++i) OK(pthread_create(&threads[i], NULL, churn, (void*)i));
  while (feature_more()) usleep(10000);
  atomic_store(&stop, true);
  for (int i = 0; i < 3; ++i) OK(pthread_join(threads[i], NULL));
  return feature_pass();
}
