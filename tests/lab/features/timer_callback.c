// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: timer_create with SIGEV_THREAD runs a function in a new thread
// Group: time
// Stays: it has a timer that signals one of its threads
#include <stdatomic.h>

#include "feature.h"

static atomic_int calls;

static void on_timer(union sigval value) {
  CHECK_EQ(value.sival_int, 7);
  atomic_fetch_add(&calls, 1);
}

int main(void) {
  struct sigevent event;
  memset(&event, 0, sizeof event);
  event.sigev_notify = SIGEV_THREAD;
  event.sigev_notify_function = on_timer;
  event.sigev_value.sival_int = 7;
  timer_t timer;
  SYS(timer_create(CLOCK_MONOTONIC, &event, &timer));
  const struct itimerspec t = {{0, 20000000}, {0, 1}};
  SYS(timer_settime(timer, 0, &t, NULL));
  while (feature_more()) feature_work();
  UNTIL(atomic_load(&calls) >= 2);
  SYS(timer_delete(timer));
  return feature_pass();
}
