// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: alarm() delivers one SIGALRM, not early, and tells the rest when it is set again
// Group: signals
#include "feature.h"

static volatile int count;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  count = count + 1;
}

int main(void) {
  feature_handle(SIGALRM, on_signal, SA_RESTART);
  const int64_t start = feature_now();
  CHECK_EQ(alarm(1000), 0);
  const unsigned left = alarm(1);
  CHECK(left > 800 && left <= 1000);
  while (count == 0) {
    feature_work();
    CHECK(feature_now() - start < 120000000000);
  }
  CHECK(feature_now() - start >= 999000000);
  while (feature_more()) feature_work();
  CHECK_EQ(count, 1);
  return feature_pass();
}
