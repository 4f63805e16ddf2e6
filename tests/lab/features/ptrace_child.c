// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a debugger that steps its child through system calls
// Group: process
// Stays: it traces its child
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include "feature.h"

int main(void) {
  while (feature_more()) {
    const pid_t pid = feature_fork();
    if (pid == 0) {
      SYS(ptrace(PTRACE_TRACEME, 0, 0, 0));
      raise(SIGSTOP);
      syscall(SYS_getppid);
      _exit(5);
    }
    CHECK(WIFSTOPPED(feature_wait(pid)));
    bool seen = false;
    while (true) {
      SYS(ptrace(PTRACE_SYSCALL, pid, 0, 0));
      const int status = feature_wait(pid);
      if (WIFEXITED(status)) {
        CHECK_EQ(WEXITSTATUS(status), 5);
        break;
      }
      struct user_regs_struct registers;
      SYS(ptrace(PTRACE_GETREGS, pid, 0, &registers));
      if (registers.orig_rax == SYS_getppid) seen = true;
    }
    CHECK(seen);
    feature_work();
  }
  return feature_pass();
}
