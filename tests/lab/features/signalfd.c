// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: signalfd reads blocked signals with sender and value
// Group: ipc
// Stays: it reads its signals from a descriptor
#include <poll.h>
#include <sys/signalfd.h>

#include "feature.h"

int main(void) {
  feature_block(SIGRTMIN + 2);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 2);
  const int fd = (int)SYS(signalfd(-1, &set, SFD_NONBLOCK));
  for (int n = 0; feature_more(); n += 3) {
    for (int i = 0; i < 3; ++i) {
      const union sigval value = {.sival_int = n + i};
      SYS(sigqueue(getpid(), SIGRTMIN + 2, value));
    }
    feature_work();
    for (int i = 0; i < 3; ++i) {
      struct pollfd p = {.fd = fd, .events = POLLIN};
      CHECK_EQ(poll(&p, 1, kFeatureHang), 1);
      struct signalfd_siginfo info;
      CHECK_EQ(read(fd, &info, sizeof info), (long)sizeof info);
      CHECK_EQ(info.ssi_signo, SIGRTMIN + 2);
      CHECK_EQ(info.ssi_pid, getpid());
      CHECK_EQ(info.ssi_int, n + i);
    }
    char c[256];
    CHECK_EQ(read(fd, c, sizeof c), -1);
    CHECK_EQ(errno, EAGAIN);
  }
  return feature_pass();
}
