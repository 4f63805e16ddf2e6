// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: siglongjmp out of a handler restores the signal mask
// Group: signals
#include <setjmp.h>

#include "feature.h"

static sigjmp_buf back;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)info, (void)context;
  for (volatile int i = 0; i < 50000; i = i + 1) continue;
  siglongjmp(back, n);
}

int main(void) {
  feature_handle(SIGUSR1, on_signal, 0);
  feature_handle(SIGUSR2, on_signal, 0);
  while (feature_more()) {
    for (volatile int i = 0; i < 20; i = i + 1) {
      const int got = sigsetjmp(back, 1);
      if (got == 0) {
        raise(i % 2 ? SIGUSR1 : SIGUSR2);
        CHECK(false);
      }
      CHECK_EQ(got, i % 2 ? SIGUSR1 : SIGUSR2);
      sigset_t now;
      SYS(sigprocmask(SIG_SETMASK, NULL, &now));
      CHECK_EQ(sigismember(&now, SIGUSR1), 0);
      CHECK_EQ(sigismember(&now, SIGUSR2), 0);
    }
  }
  return feature_pass();
}
