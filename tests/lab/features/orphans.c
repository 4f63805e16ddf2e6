// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: grandchildren whose parent ends are reaped by a subreaper, and PDEATHSIG comes
// Group: process
#include <sys/prctl.h>

#include "feature.h"

int main(void) {
  SYS(prctl(PR_SET_CHILD_SUBREAPER, 1));
  while (feature_more()) {
    int set = 0;
    SYS(prctl(PR_GET_CHILD_SUBREAPER, &set));
    CHECK_EQ(set, 1);
    feature_work();
    int fds[2];
    SYS(pipe(fds));
    const pid_t child = feature_fork();
    if (child == 0) {
      const pid_t grandchild = (pid_t)SYS(fork());
      if (grandchild == 0) {
        SYS(prctl(PR_SET_PDEATHSIG, SIGKILL));
        CHECK_EQ(write(fds[1], "r", 1), 1);
        while (true) pause();
      }
      char c;
      CHECK_EQ(read(fds[0], &c, 1), 1);
      CHECK_EQ(write(fds[1], &grandchild, sizeof grandchild), (long)sizeof grandchild);
      _exit(0);
    }
    feature_wait_exit(child, 0);
    pid_t grandchild;
    CHECK_EQ(read(fds[0], &grandchild, sizeof grandchild), (long)sizeof grandchild);
    CHECK_EQ(WTERMSIG(feature_wait(grandchild)), SIGKILL);
    SYS(close(fds[0]));
    SYS(close(fds[1]));
  }
  return feature_pass();
}
