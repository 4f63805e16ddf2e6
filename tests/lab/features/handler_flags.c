// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: SA_RESETHAND, SA_NODEFER, SA_NOCLDWAIT and sa_mask do what they say
// Group: signals
#include "feature.h"

static volatile int count, deep;

static void count_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  count = count + 1;
}

static void raise_again(int n, siginfo_t* info, void* context) {
  (void)info, (void)context;
  deep = deep + 1;
  if (deep < 4) raise(n);
}

static void masked(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  const int before = count;
  raise(SIGUSR2);
  for (volatile int i = 0; i < 50000; i = i + 1) continue;
  CHECK_EQ(count, before);
}

int main(void) {
  struct sigaction action, seen;
  feature_handle(SIGCHLD, count_signal, SA_NOCLDWAIT);
  while (feature_more()) {
    feature_handle(SIGUSR1, count_signal, SA_RESETHAND);
    count = 0;
    SYS(raise(SIGUSR1));
    CHECK_EQ(count, 1);
    SYS(sigaction(SIGUSR1, NULL, &seen));
    CHECK(seen.sa_handler == SIG_DFL);

    feature_handle(SIGUSR1, raise_again, SA_NODEFER);
    deep = 0;
    SYS(raise(SIGUSR1));
    CHECK_EQ(deep, 4);

    feature_handle(SIGUSR2, count_signal, 0);
    memset(&action, 0, sizeof action);
    action.sa_sigaction = masked;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGUSR2);
    SYS(sigaction(SIGUSR1, &action, NULL));
    count = 0;
    SYS(raise(SIGUSR1));
    CHECK_EQ(count, 1);

    // A child that nobody needs to wait for.
    count = 0;
    const pid_t pid = feature_fork();
    if (pid == 0) _exit(0);
    UNTIL(waitpid(pid, NULL, 0) == -1 && errno == ECHILD);
  }
  return feature_pass();
}
