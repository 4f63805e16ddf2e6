// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: epoll level-triggered, edge-triggered and one-shot, with its data
// Group: ipc
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "feature.h"

static int wait_one(int epoll, int timeout, struct epoll_event* e) {
  return (int)SYS(epoll_wait(epoll, e, 1, timeout));
}

int main(void) {
  const int epoll = (int)SYS(epoll_create1(0));
  int fd[3];
  static const uint32_t kinds[3] = {EPOLLIN, EPOLLIN | EPOLLET, EPOLLIN | EPOLLONESHOT};
  struct epoll_event e;
  for (int i = 0; i < 3; ++i) fd[i] = (int)SYS(eventfd(0, EFD_NONBLOCK));
  const uint64_t one = 1;
  uint64_t value;
  for (uint64_t n = 0; feature_more(); ++n) {
    for (int i = 0; i < 3; ++i) {
      e.events = kinds[i];
      e.data.u64 = n * 10 + (uint64_t)i;
      SYS(epoll_ctl(epoll, EPOLL_CTL_ADD, fd[i], &e));
      CHECK_EQ(wait_one(epoll, 0, &e), 0);
      CHECK_EQ(write(fd[i], &one, 8), 8);
      feature_work();
      CHECK_EQ(wait_one(epoll, kFeatureHang, &e), 1);
      CHECK_EQ(e.data.u64, n * 10 + (uint64_t)i);
      CHECK_EQ(e.events, EPOLLIN);
      feature_work();
      CHECK_EQ(wait_one(epoll, 0, &e), i == 0);  // only level-triggered tells again
      CHECK_EQ(write(fd[i], &one, 8), 8);
      CHECK_EQ(wait_one(epoll, 0, &e), i < 2);  // one-shot is off by now
      if (i == 2) {
        e.events = kinds[2];
        e.data.u64 = 1;
        SYS(epoll_ctl(epoll, EPOLL_CTL_MOD, fd[i], &e));
        CHECK_EQ(wait_one(epoll, 0, &e), 1);
      }
      CHECK_EQ(read(fd[i], &value, 8), 8);
      CHECK_EQ(value, 2);
      SYS(epoll_ctl(epoll, EPOLL_CTL_DEL, fd[i], NULL));
    }
  }
  return feature_pass();
}
