// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: ITIMER_VIRTUAL counts time in user mode only
// Group: time
// Stays: it has a timer that counts CPU time
#include <sys/resource.h>

#include "feature.h"

static volatile int count;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  count = count + 1;
}

int main(void) {
  feature_handle(SIGVTALRM, on_signal, SA_RESTART);
  const struct itimerval t = {.it_interval = {0, 10000}, .it_value = {0, 10000}};
  SYS(setitimer(ITIMER_VIRTUAL, &t, NULL));
  for (int i = 0; feature_more() || count < 3; ++i) {
    CHECK(i < 10000000);
    feature_work();
  }
  struct itimerval now;
  SYS(getitimer(ITIMER_VIRTUAL, &now));
  CHECK_EQ(now.it_interval.tv_usec, 10000);
  const struct itimerval off = {{0, 0}, {0, 0}};
  SYS(setitimer(ITIMER_VIRTUAL, &off, NULL));
  return feature_pass();
}
