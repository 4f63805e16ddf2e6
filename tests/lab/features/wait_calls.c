// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: wait4 with usage, waitid with WNOWAIT, WNOHANG, and zombies
// Group: process
#include <sys/resource.h>

#include "feature.h"

int main(void) {
  while (feature_more()) {
    feature_work();
    CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
    CHECK_EQ(errno, ECHILD);
    pid_t child[3];
    for (int i = 0; i < 3; ++i) {
      child[i] = feature_fork();
      if (child[i] == 0) {
        feature_work();
        _exit(10 + i);
      }
    }
    siginfo_t info;
    memset(&info, 0, sizeof info);
    SYS(waitid(P_PID, (id_t)child[1], &info, WEXITED | WNOWAIT));
    CHECK_EQ(info.si_pid, child[1]);
    CHECK_EQ(info.si_code, CLD_EXITED);
    CHECK_EQ(info.si_status, 11);
    SYS(kill(child[1], 0));  // a zombie still has its pid
    SYS(waitid(P_PID, (id_t)child[1], &info, WEXITED));
    CHECK_EQ(kill(child[1], 0), -1);
    int status;
    struct rusage usage;
    CHECK_EQ(wait4(child[2], &status, 0, &usage), child[2]);
    CHECK_EQ(WEXITSTATUS(status), 12);
    CHECK(usage.ru_maxrss > 0);
    CHECK_EQ(waitpid(-getpgrp(), &status, 0), child[0]);
    CHECK_EQ(WEXITSTATUS(status), 10);
  }
  return feature_pass();
}
