// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: sigwaitinfo and sigtimedwait take blocked signals with their information
// Group: signals
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

static atomic_int sent, taken;
static atomic_bool stop;

static void* send(void* unused) {
  while (!atomic_load(&stop)) {
    const int n = atomic_load(&sent);
    const union sigval value = {.sival_int = n};
    atomic_fetch_add(&sent, 1);
    SYS(sigqueue(getpid(), SIGRTMIN, value));
    UNTIL(atomic_load(&taken) == n + 1 || atomic_load(&stop));
  }
  return unused;
}

int main(void) {
  feature_block(SIGRTMIN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigset_t never;
  sigemptyset(&never);
  sigaddset(&never, SIGUSR2);
  feature_block(SIGUSR2);
  pthread_t thread;
  OK(pthread_create(&thread, NULL, send, NULL));
  for (int i = 0; feature_more(); ++i) {
    siginfo_t info;
    const struct timespec long_time = {120, 0}, short_time = {0, 1000000};
    CHECK_EQ(i % 2 ? sigwaitinfo(&set, &info) : sigtimedwait(&set, &info, &long_time), SIGRTMIN);
    CHECK_EQ(info.si_code, SI_QUEUE);
    CHECK_EQ(info.si_value.sival_int, i);
    CHECK_EQ(sigtimedwait(&never, &info, &short_time), -1);
    CHECK_EQ(errno, EAGAIN);
    atomic_fetch_add(&taken, 1);
  }
  atomic_store(&stop, true);
  OK(pthread_join(thread, NULL));
  return feature_pass();
}
