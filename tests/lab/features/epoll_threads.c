// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: threads that block in epoll_wait get every event once, time-outs are kept
// Group: ipc
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "feature.h"

static int epoll, event;
static atomic_ulong taken;
static atomic_bool stop;

static void* take(void* unused) {
  while (!atomic_load(&stop)) {
    struct epoll_event e;
    const int r = epoll_wait(epoll, &e, 1, 50);
    CHECK(r >= 0 || errno == EINTR);
    uint64_t value;
    if (r == 1 && read(event, &value, 8) == 8) atomic_fetch_add(&taken, 1);
  }
  return unused;
}

int main(void) {
  epoll = (int)SYS(epoll_create1(EPOLL_CLOEXEC));
  event = (int)SYS(eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE));
  struct epoll_event e = {.events = EPOLLIN};
  SYS(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &e));
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) OK(pthread_create(&threads[i], NULL, take, NULL));
  unsigned long sent = 0;
  while (feature_more()) {
    const uint64_t five = 5;
    CHECK_EQ(write(event, &five, 8), 8);
    sent += 5;
    UNTIL(atomic_load(&taken) == sent);
  }
  atomic_store(&stop, true);
  for (int i = 0; i < 3; ++i) OK(pthread_join(threads[i], NULL));
  CHECK_EQ(atomic_load(&taken), sent);
  return feature_pass();
}
