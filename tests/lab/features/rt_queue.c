// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: real-time signals queue in order, lower numbers first, with their values
// Group: signals
#include "feature.h"

static int got[64];
static volatile int count;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)context;
  got[count] = n * 1000 + info->si_value.sival_int;
  count = count + 1;
}

int main(void) {
  const int first = SIGRTMIN + 1;
  sigset_t set, old;
  sigemptyset(&set);
  for (int s = first; s < first + 3; ++s) {
    struct sigaction action = {.sa_flags = SA_SIGINFO, .sa_sigaction = on_signal};
    sigfillset(&action.sa_mask);
    SYS(sigaction(s, &action, NULL));
    sigaddset(&set, s);
  }
  while (feature_more()) {
    SYS(sigprocmask(SIG_BLOCK, &set, &old));
    count = 0;
    for (int i = 0; i < 30; ++i) {
      const union sigval value = {.sival_int = i};
      SYS(sigqueue(getpid(), first + 2 - i % 3, value));
      if (i % 10 == 0) feature_work();
    }
    feature_work();
    CHECK_EQ(count, 0);
    // One by one: a handler that interrupts a handler's start would store out of order.
    while (true) {
      siginfo_t info;
      const struct timespec zero = {0, 0};
      const int n = sigtimedwait(&set, &info, &zero);
      if (n == -1) {
        CHECK_EQ(errno, EAGAIN);
        break;
      }
      CHECK_EQ(info.si_code, SI_QUEUE);
      on_signal(n, &info, NULL);
    }
    CHECK_EQ(count, 30);
    for (int i = 0; i < 30; ++i) {
      const int s = i / 10;
      CHECK_EQ(got[i], (first + s) * 1000 + (2 - s) + i % 10 * 3);
    }
    SYS(sigprocmask(SIG_SETMASK, &old, NULL));
  }
  return feature_pass();
}
