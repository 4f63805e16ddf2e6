// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a periodic ITIMER_REAL keeps firing and its interval can be read back
// Group: time
#include "feature.h"

static volatile int count;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  count = count + 1;
}

int main(void) {
  feature_handle(SIGALRM, on_signal, SA_RESTART);
  const struct itimerval t = {.it_interval = {0, 5000}, .it_value = {0, 5000}};
  const int64_t start = feature_now();
  SYS(setitimer(ITIMER_REAL, &t, NULL));
  while (feature_more()) {
    const int before = count;
    UNTIL(count > before);
    struct itimerval now;
    SYS(getitimer(ITIMER_REAL, &now));
    CHECK_EQ(now.it_interval.tv_usec, 5000);
    CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_usec <= 5000);
  }
  // Never more often than the interval allows.
  CHECK(count <= (feature_now() - start) / 5000000 + 1);
  return feature_pass();
}
