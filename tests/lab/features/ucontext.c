// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: coroutines by makecontext and swapcontext
// Group: cpu
#include <ucontext.h>

#include "feature.h"

static ucontext_t main_context, coroutine[3];
static unsigned step[3];

static void run(int n) {
  for (unsigned local = 0;; ++local) {
    CHECK_EQ(step[n], local);
    step[n] = local + 1;
    for (volatile int i = 0; i < 20000; i = i + 1) continue;
    SYS(swapcontext(&coroutine[n], &main_context));
  }
}

int main(void) {
  static char stacks[3][65536];
  for (volatile int n = 0; n < 3; n = n + 1) {
    SYS(getcontext(&coroutine[n]));
    coroutine[n].uc_stack.ss_sp = stacks[n];
    coroutine[n].uc_stack.ss_size = sizeof stacks[n];
    makecontext(&coroutine[n], (void (*)(void))run, 1, n);
  }
  unsigned rounds = 0;
  while (feature_more()) {
    ++rounds;
    for (volatile int n = 0; n < 3; n = n + 1) {
      SYS(swapcontext(&main_context, &coroutine[n]));
      CHECK_EQ(step[n], rounds);
    }
  }
  return feature_pass();
}
