// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: sigsuspend waits with its own mask and restores the old one
// Group: signals
#include "feature.h"

static volatile int count;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  count = count + 1;
}

int main(void) {
  feature_handle(SIGALRM, on_signal, 0);
  const sigset_t old = feature_block(SIGALRM);
  int rounds = 0;
  while (feature_more()) {
    const struct itimerval t = {.it_value = {0, 5000}};
    SYS(setitimer(ITIMER_REAL, &t, NULL));
    feature_work();
    CHECK_EQ(count, rounds);
    CHECK_EQ(sigsuspend(&old), -1);
    CHECK_EQ(errno, EINTR);
    CHECK_EQ(count, ++rounds);
    sigset_t now;
    SYS(sigprocmask(SIG_SETMASK, NULL, &now));
    CHECK_EQ(sigismember(&now, SIGALRM), 1);
  }
  return feature_pass();
}
