// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: thousands of signals a child sends are neither lost nor doubled
// Group: signals
#include "feature.h"

static volatile unsigned count, sum;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)context;
  CHECK_EQ(info->si_code, SI_QUEUE);
  count = count + 1;
  sum = sum + (unsigned)info->si_value.sival_int;
}

int main(void) {
  feature_handle(SIGRTMIN + 3, on_signal, SA_RESTART);
  const pid_t parent = getpid();
  while (feature_more()) {
    count = 0;
    sum = 0;
    const pid_t pid = feature_fork();
    if (pid == 0) {
      for (int i = 0; i < 500; ++i) {
        const union sigval value = {.sival_int = i};
        // A full queue is no loss: the sender is told and tries again.
        while (sigqueue(parent, SIGRTMIN + 3, value) != 0) CHECK_EQ(errno, EAGAIN);
        if (i % 50 == 0) usleep(1000);
      }
      _exit(0);
    }
    for (int i = 0; i < 100000 && count < 500; ++i) feature_work();
    CHECK_EQ(count, 500);
    CHECK_EQ(sum, 499 * 500 / 2);
    feature_wait_exit(pid, 0);
  }
  return feature_pass();
}
