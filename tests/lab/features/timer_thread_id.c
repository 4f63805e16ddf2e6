// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: timer_create with SIGEV_THREAD_ID signals the thread it names
// Group: time
// Stays: it has a timer that signals one of its threads
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "feature.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static __thread bool chosen;
static atomic_int hits;
static atomic_bool stop;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)context;
  CHECK(chosen);
  CHECK_EQ(info->si_code, SI_TIMER);
  CHECK_EQ(info->si_value.sival_int, 99);
  atomic_fetch_add(&hits, 1);
}

static void* run(void* unused) {
  chosen = true;
  struct sigevent event;
  memset(&event, 0, sizeof event);
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGUSR1;
  event.sigev_value.sival_int = 99;
  event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
  timer_t timer;
  SYS(timer_create(CLOCK_MONOTONIC, &event, &timer));
  const struct itimerspec t = {{0, 5000000}, {0, 5000000}};
  SYS(timer_settime(timer, 0, &t, NULL));
  while (!atomic_load(&stop)) feature_work();
  SYS(timer_delete(timer));
  return unused;
}

int main(void) {
  feature_handle(SIGUSR1, on_signal, SA_RESTART);
  pthread_t thread;
  OK(pthread_create(&thread, NULL, run, NULL));
  while (feature_more() || atomic_load(&hits) == 0) feature_work();
  atomic_store(&stop, true);
  OK(pthread_join(thread, NULL));
  return feature_pass();
}
