// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: SA_SIGINFO tells code, sender and value of kill, tgkill and sigqueue
// Group: signals
#include <sys/syscall.h>

#include "feature.h"

// Volatile, as the C library calls kill() a leaf that calls nobody back.
static volatile siginfo_t last;
static volatile int count;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)context;
  CHECK_EQ(info->si_signo, n);
  last = *info;
  count = count + 1;
}

int main(void) {
  feature_handle(SIGUSR1, on_signal, 0);
  const pid_t pid = getpid();
  int sent = 0;
  while (feature_more()) {
    feature_work();
    SYS(kill(pid, SIGUSR1));
    CHECK_EQ(count, ++sent);
    CHECK_EQ(last.si_code, SI_USER);
    CHECK_EQ(last.si_pid, pid);
    CHECK_EQ(last.si_uid, getuid());
    SYS(syscall(SYS_tgkill, pid, pid, SIGUSR1));
    CHECK_EQ(count, ++sent);
    CHECK_EQ(last.si_code, SI_TKILL);
    CHECK_EQ(last.si_pid, pid);
    const union sigval value = {.sival_ptr = &sent};
    SYS(sigqueue(pid, SIGUSR1, value));
    CHECK_EQ(count, ++sent);
    CHECK_EQ(last.si_code, SI_QUEUE);
    CHECK(last.si_value.sival_ptr == &sent);
  }
  return feature_pass();
}
