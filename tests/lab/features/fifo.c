// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a named pipe between parent and child, open waiting for the other side
// Group: ipc
#include <fcntl.h>
#include <sys/stat.h>

#include "feature.h"

int main(void) {
  feature_scratch();
  SYS(mkfifo("fifo", 0600));
  while (feature_more()) {
    const pid_t pid = feature_fork();
    if (pid == 0) {
      feature_work();
      const int fd = (int)SYS(open("fifo", O_WRONLY));
      for (int i = 0; i < 100; ++i) CHECK_EQ(write(fd, &i, sizeof i), (long)sizeof i);
      _exit(0);
    }
    const int fd = (int)SYS(open("fifo", O_RDONLY));
    for (int i = 0; i < 100; ++i) {
      int got;
      CHECK_EQ(read(fd, &got, sizeof got), (long)sizeof got);
      CHECK_EQ(got, i);
    }
    char c;
    CHECK_EQ(read(fd, &c, 1), 0);
    SYS(close(fd));
    feature_wait_exit(pid, 0);
  }
  return feature_pass();
}
