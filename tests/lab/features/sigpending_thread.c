// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a signal pending for one thread is not pending for another
// Group: signals
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

static atomic_bool stop;

static void* other(void* unused) {
  while (!atomic_load(&stop)) {
    sigset_t pending;
    feature_work();
    SYS(sigpending(&pending));
    CHECK_EQ(sigismember(&pending, SIGUSR1), 0);
  }
  return unused;
}

int main(void) {
  feature_block(SIGUSR1);
  pthread_t thread;
  OK(pthread_create(&thread, NULL, other, NULL));
  sigset_t set, pending;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  while (feature_more()) {
    OK(pthread_kill(pthread_self(), SIGUSR1));
    for (int i = 0; i < 10; ++i) {
      feature_work();
      SYS(sigpending(&pending));
      CHECK_EQ(sigismember(&pending, SIGUSR1), 1);
    }
    siginfo_t info;
    CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    CHECK_EQ(info.si_code, SI_USER);  // the C library makes SI_TKILL look like this
  }
  atomic_store(&stop, true);
  OK(pthread_join(thread, NULL));
  return feature_pass();
}
