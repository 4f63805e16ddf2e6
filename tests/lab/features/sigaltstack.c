// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: handlers run on the alternate stack, of each thread its own
// Group: signals
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

enum { kSize = 65536 };
static __thread char* low;
static atomic_bool stop;
static __thread volatile int hits;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  char here;
  CHECK(&here >= low && &here < low + kSize);
  stack_t seen;
  SYS(sigaltstack(NULL, &seen));
  CHECK_EQ(seen.ss_flags, SS_ONSTACK);
  hits = hits + 1;
}

static void* run(void* unused) {
  low = malloc(kSize);
  const stack_t mine = {.ss_sp = low, .ss_size = kSize, .ss_flags = 0};
  SYS(sigaltstack(&mine, NULL));
  for (int rounds = 1; !atomic_load(&stop); ++rounds) {
    stack_t seen;
    feature_work();
    SYS(sigaltstack(NULL, &seen));
    CHECK(seen.ss_sp == low);
    CHECK_EQ(seen.ss_size, kSize);
    CHECK_EQ(seen.ss_flags, 0);
    OK(pthread_kill(pthread_self(), SIGUSR1));
    CHECK_EQ(hits, rounds);
  }
  return unused;
}

int main(void) {
  feature_handle(SIGUSR1, on_signal, SA_ONSTACK);
  pthread_t threads[2];
  for (int i = 0; i < 2; ++i) OK(pthread_create(&threads[i], NULL, run, NULL));
  while (feature_more()) usleep(10000);
  atomic_store(&stop, true);
  for (int i = 0; i < 2; ++i) OK(pthread_join(threads[i], NULL));
  return feature_pass();
}
