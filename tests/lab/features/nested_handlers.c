// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: handlers interrupt handlers, three deep, and all unwind
// Group: signals
#include "feature.h"

static volatile int depth, deepest, entered;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)info, (void)context;
  entered = entered + 1;
  depth = depth + 1;
  if (depth > deepest) deepest = depth;
  for (volatile int i = 0; i < 100000; i = i + 1) continue;
  if (n == SIGUSR1) SYS(raise(SIGUSR2));
  if (n == SIGUSR2) SYS(raise(SIGURG));
  for (volatile int i = 0; i < 100000; i = i + 1) continue;
  depth = depth - 1;
}

int main(void) {
  feature_handle(SIGUSR1, on_signal, 0);
  feature_handle(SIGUSR2, on_signal, 0);
  feature_handle(SIGURG, on_signal, 0);
  int rounds = 0;
  while (feature_more()) {
    SYS(raise(SIGUSR1));
    CHECK_EQ(entered, 3 * ++rounds);
    CHECK_EQ(deepest, 3);
    CHECK_EQ(depth, 0);
  }
  return feature_pass();
}
