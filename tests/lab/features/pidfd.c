// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a pidfd signals a child, polls its end and waits for it
// Group: process
#include <poll.h>
#include <sys/syscall.h>

#include "feature.h"

int main(void) {
  while (feature_more()) {
    feature_work();
    const pid_t pid = feature_fork();
    if (pid == 0) {
      while (true) pause();
    }
    const int fd = (int)SYS(syscall(SYS_pidfd_open, pid, 0));
    struct pollfd p = {.fd = fd, .events = POLLIN};
    CHECK_EQ(poll(&p, 1, 0), 0);
    SYS(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
    CHECK_EQ(poll(&p, 1, kFeatureHang), 1);
    siginfo_t info;
    SYS(waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
    CHECK_EQ(info.si_status, SIGTERM);
    SYS(close(fd));
  }
  return feature_pass();
}
