// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: without SA_RESTART a read, a poll and a pause end with EINTR, never otherwise
// Group: signals
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "feature.h"

static atomic_int hits;
static atomic_bool stop;
static pthread_t sleeper;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  atomic_fetch_add(&hits, 1);
}

static void* poke(void* unused) {
  while (!atomic_load(&stop)) {
    usleep(3000);
    OK(pthread_kill(sleeper, SIGUSR1));
  }
  return unused;
}

int main(void) {
  feature_handle(SIGUSR1, on_signal, 0);
  int fds[2];
  SYS(pipe(fds));
  sleeper = pthread_self();
  pthread_t thread;
  OK(pthread_create(&thread, NULL, poke, NULL));
  while (feature_more()) {
    int before = atomic_load(&hits);
    char byte;
    CHECK_EQ(read(fds[0], &byte, 1), -1);
    CHECK_EQ(errno, EINTR);
    CHECK(atomic_load(&hits) > before);
    before = atomic_load(&hits);
    struct pollfd p = {.fd = fds[0], .events = POLLIN};
    CHECK_EQ(poll(&p, 1, kFeatureHang), -1);
    CHECK_EQ(errno, EINTR);
    CHECK(atomic_load(&hits) > before);
    before = atomic_load(&hits);
    CHECK_EQ(pause(), -1);
    CHECK_EQ(errno, EINTR);
    CHECK(atomic_load(&hits) > before);
  }
  atomic_store(&stop, true);
  OK(pthread_join(thread, NULL));
  return feature_pass();
}
