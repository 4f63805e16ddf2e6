// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: SA_RESTART restarts a read that a signal interrupts, without loss
// Group: signals
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

static atomic_int hits;
static int pipe_fd[2];
static pthread_t reader;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  atomic_fetch_add(&hits, 1);
}

static void* poke(void* unused) {
  for (unsigned char round = 0; feature_more(); ++round) {
    const int before = atomic_load(&hits);
    for (int i = 0; i < 3; ++i) {
      OK(pthread_kill(reader, SIGUSR1));
      usleep(1000);
    }
    UNTIL(atomic_load(&hits) > before);
    CHECK_EQ(write(pipe_fd[1], &round, 1), 1);
  }
  SYS(close(pipe_fd[1]));
  return unused;
}

int main(void) {
  feature_handle(SIGUSR1, on_signal, SA_RESTART);
  SYS(pipe(pipe_fd));
  reader = pthread_self();
  pthread_t thread;
  OK(pthread_create(&thread, NULL, poke, NULL));
  unsigned char want = 0, got;
  while (SYS(read(pipe_fd[0], &got, 1)) == 1) CHECK_EQ(got, want++);
  OK(pthread_join(thread, NULL));
  return feature_pass();
}
