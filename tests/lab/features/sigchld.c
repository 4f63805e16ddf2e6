// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: SIGCHLD tells pid, code and status of exited, killed, stopped and continued children
// Group: signals
#include "feature.h"

static volatile siginfo_t last;
static volatile int count;

static void on_child(int n, siginfo_t* info, void* context) {
  (void)n, (void)context;
  last = *info;
  count = count + 1;
}

static void expect(int number, pid_t pid, int code, int status) {
  UNTIL(count == number);
  CHECK_EQ(last.si_pid, pid);
  CHECK_EQ(last.si_code, code);
  CHECK_EQ(last.si_status, status);
}

int main(void) {
  feature_handle(SIGCHLD, on_child, SA_RESTART);
  while (feature_more()) {
    count = 0;
    feature_work();
    pid_t pid = feature_fork();
    if (pid == 0) _exit(17);
    expect(1, pid, CLD_EXITED, 17);
    feature_wait_exit(pid, 17);
    pid = feature_fork();
    if (pid == 0) {
      while (true) pause();
    }
    SYS(kill(pid, SIGSTOP));
    expect(2, pid, CLD_STOPPED, SIGSTOP);
    SYS(kill(pid, SIGCONT));
    expect(3, pid, CLD_CONTINUED, SIGCONT);
    SYS(kill(pid, SIGKILL));
    expect(4, pid, CLD_KILLED, SIGKILL);
    CHECK_EQ(WTERMSIG(feature_wait(pid)), SIGKILL);
  }
  return feature_pass();
}
