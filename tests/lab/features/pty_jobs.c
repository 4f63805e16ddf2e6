// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: job control under a pseudo-terminal: Ctrl-C, Ctrl-Z, foreground, background read
// Group: ipc
#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "feature.h"

// The shell: leader of the session, with one job in the foreground. Exits 0 when all was right.
static void shell(int report) {
  signal(SIGTTOU, SIG_IGN);
  const pid_t job = feature_fork();
  if (job == 0) {
    SYS(setpgid(0, 0));
    SYS(tcsetpgrp(0, getpgrp()));
    signal(SIGTTOU, SIG_DFL);
    CHECK_EQ(write(report, "r", 1), 1);
    while (true) feature_work();
  }
  setpgid(job, job);  // both sides set it: whoever comes first
  int status;
  CHECK_EQ(waitpid(job, &status, WUNTRACED), job);
  CHECK(WIFSTOPPED(status));
  CHECK_EQ(WSTOPSIG(status), SIGTSTP);
  SYS(tcsetpgrp(0, getpgrp()));
  CHECK_EQ(tcgetpgrp(0), getpgrp());
  // fg: the terminal back to the job, and on.
  SYS(tcsetpgrp(0, job));
  SYS(kill(-job, SIGCONT));
  CHECK_EQ(waitpid(job, &status, WCONTINUED), job);
  CHECK(WIFCONTINUED(status));
  CHECK_EQ(write(report, "c", 1), 1);
  CHECK_EQ(waitpid(job, &status, 0), job);
  CHECK(WIFSIGNALED(status));
  CHECK_EQ(WTERMSIG(status), SIGINT);
  SYS(tcsetpgrp(0, getpgrp()));
  // A background job that reads the terminal is stopped.
  const pid_t reader = feature_fork();
  if (reader == 0) {
    SYS(setpgid(0, 0));
    char c;
    CHECK_EQ(read(0, &c, 1), 1);
    _exit(0);
  }
  setpgid(reader, reader);
  CHECK_EQ(waitpid(reader, &status, WUNTRACED), reader);
  CHECK(WIFSTOPPED(status));
  CHECK_EQ(WSTOPSIG(status), SIGTTIN);
  SYS(kill(reader, SIGKILL));
  feature_wait(reader);
  _exit(0);
}

int main(void) {
  while (feature_more()) {
    int master, report[2];
    SYS(pipe(report));
    fflush(NULL);
    const int errors = (int)SYS(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 50));
    const pid_t pid = (pid_t)SYS(forkpty(&master, NULL, NULL, NULL));
    if (pid == 0) {
      SYS(dup2(errors, STDERR_FILENO));
      close(report[0]);
      shell(report[1]);
    }
    SYS(close(report[1]));
    SYS(close(errors));
    char c = 0;
    CHECK_EQ(read(report[0], &c, 1), 1);
    CHECK_EQ(c, 'r');
    CHECK_EQ(write(master, "\x1a", 1), 1);  // Ctrl-Z
    CHECK_EQ(read(report[0], &c, 1), 1);
    CHECK_EQ(c, 'c');
    feature_work();
    CHECK_EQ(write(master, "\x03", 1), 1);  // Ctrl-C
    feature_wait_exit(pid, 0);
    SYS(close(master));
    SYS(close(report[0]));
  }
  return feature_pass();
}
