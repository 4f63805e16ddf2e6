// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: ITIMER_PROF counts time of user and system together
// Group: time
// Stays: it has a timer that counts CPU time
#include <sys/syscall.h>

#include "feature.h"

static volatile int count;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  count = count + 1;
}

int main(void) {
  feature_handle(SIGPROF, on_signal, SA_RESTART);
  const struct itimerval t = {.it_interval = {0, 10000}, .it_value = {0, 10000}};
  SYS(setitimer(ITIMER_PROF, &t, NULL));
  for (int i = 0; feature_more() || count < 3; ++i) {
    CHECK(i < 10000000);
    for (int n = 0; n < 100; ++n) syscall(SYS_getppid);
    feature_work();
  }
  return feature_pass();
}
