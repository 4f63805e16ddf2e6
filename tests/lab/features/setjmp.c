// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: setjmp and longjmp across many frames
// Group: cpu
#include <setjmp.h>

#include "feature.h"

static jmp_buf back;

__attribute__((noinline, noclone)) static int down(int depth, volatile int* visited) {
  *visited = *visited + 1;
  for (volatile int i = 0; i < 500; i = i + 1) continue;
  if (depth == 0) longjmp(back, 7);
  if (depth < 0) return 0;
  return down(depth - 1, visited) + 1;
}

int main(void) {
  while (feature_more()) {
    volatile int visited = 0;
    const int value = setjmp(back);
    if (value == 0) {
      down(100, &visited);
      CHECK(false);
    }
    CHECK_EQ(value, 7);
    CHECK_EQ(visited, 101);
  }
  return feature_pass();
}
