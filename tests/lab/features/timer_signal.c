// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: timer_create with SIGEV_SIGNAL: value, code, timer id and overruns add up
// Group: time
#include "feature.h"

static volatile long ticks, deliveries;
static int marker;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)context;
  CHECK_EQ(info->si_code, SI_TIMER);
  CHECK(info->si_value.sival_ptr == &marker);
  CHECK(info->si_overrun >= 0);
  ticks = ticks + 1 + info->si_overrun;
  deliveries = deliveries + 1;
}

int main(void) {
  feature_handle(SIGRTMIN + 1, on_signal, SA_RESTART);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
                           .sigev_signo = SIGRTMIN + 1,
                           .sigev_value = {.sival_ptr = &marker}};
  timer_t timer;
  SYS(timer_create(CLOCK_MONOTONIC, &event, &timer));
  const struct itimerspec t = {{0, 4000000}, {0, 4000000}};
  const int64_t start = feature_now();
  SYS(timer_settime(timer, 0, &t, NULL));
  while (feature_more()) {
    const long before = deliveries;
    UNTIL(deliveries > before);
    struct itimerspec now;
    SYS(timer_gettime(timer, &now));
    CHECK_EQ(now.it_interval.tv_nsec, 4000000);
    CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_nsec <= 4000000);
  }
  CHECK(ticks <= (feature_now() - start) / 4000000 + 1);
  SYS(timer_delete(timer));
  CHECK_EQ(timer_gettime(timer, NULL), -1);
  return feature_pass();
}
