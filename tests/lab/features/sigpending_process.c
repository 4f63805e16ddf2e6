// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a signal pending for the process stays pending until it is unblocked, once
// Group: signals
#include "feature.h"

static volatile int count;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)context;
  CHECK_EQ(info->si_code, SI_USER);
  CHECK_EQ(info->si_pid, getpid());
  count = count + 1;
}

int main(void) {
  feature_handle(SIGUSR1, on_signal, 0);
  int rounds = 0;
  while (feature_more()) {
    const sigset_t old = feature_block(SIGUSR1);
    SYS(kill(getpid(), SIGUSR1));
    SYS(kill(getpid(), SIGUSR1));
    for (int i = 0; i < 10; ++i) {
      sigset_t pending;
      feature_work();
      SYS(sigpending(&pending));
      CHECK_EQ(sigismember(&pending, SIGUSR1), 1);
      CHECK_EQ(sigismember(&pending, SIGUSR2), 0);
    }
    CHECK_EQ(count, rounds);
    SYS(sigprocmask(SIG_SETMASK, &old, NULL));
    CHECK_EQ(count, ++rounds);
  }
  return feature_pass();
}
