// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: sessions and process groups of the process and its children stay as set
// Group: process
#include "feature.h"

int main(void) {
  const pid_t session = getsid(0), group = getpgrp();
  while (feature_more()) {
    feature_work();
    CHECK_EQ(getsid(0), session);
    CHECK_EQ(getpgrp(), group);
    CHECK_EQ(getpgid(getpid()), group);
    const pid_t pid = feature_fork();
    if (pid == 0) {
      CHECK_EQ(getsid(0), session);
      CHECK_EQ(setsid(), getpid());
      CHECK_EQ(getpgrp(), getpid());
      CHECK_EQ(setsid(), -1);
      CHECK_EQ(errno, EPERM);
      _exit(0);
    }
    feature_wait_exit(pid, 0);
  }
  return feature_pass();
}
