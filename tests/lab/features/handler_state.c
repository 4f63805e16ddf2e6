// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: floating-point and vector registers survive a handler that uses them
// Group: signals
// Links: -lm
#include <math.h>

#include "feature.h"

static volatile double sink;
static volatile int count;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  double x = 1;
  for (int i = 0; i < 1000; ++i) x = sin(x) + 1.5;
  sink = x;
  count = count + 1;
}

static double series(void) {
  double x = 0.5, sum = 0;
  for (int i = 1; i < 400000; ++i) {
    x = 3.9 * x * (1 - x);
    sum += x / i;
  }
  return sum;
}

int main(void) {
  feature_handle(SIGALRM, on_signal, SA_RESTART);
  const double want = series();
  const struct itimerval t = {.it_interval = {0, 1000}, .it_value = {0, 1000}};
  SYS(setitimer(ITIMER_REAL, &t, NULL));
  while (feature_more() || count == 0) {
    const double got = series();
    CHECK(memcmp(&got, &want, sizeof got) == 0);
  }
  return feature_pass();
}
