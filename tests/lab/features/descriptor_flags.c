// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: descriptor and file status flags, F_DUPFD, dup3, close_range
// Group: files
#include <fcntl.h>
#include <sys/syscall.h>

#include "feature.h"

int main(void) {
  feature_scratch();
  while (feature_more()) {
    const int fd = (int)SYS(open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    SYS(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
    const int high = (int)SYS(fcntl(fd, F_DUPFD, 200));
    CHECK_EQ(high, 200);
    CHECK_EQ(fcntl(high, F_GETFD), 0);
    CHECK_EQ(dup3(fd, 210, O_CLOEXEC), 210);
    feature_work();
    CHECK_EQ(fcntl(high, F_GETFL) & (O_APPEND | O_NONBLOCK | O_ACCMODE),
             O_APPEND | O_NONBLOCK | O_RDWR);
    CHECK_EQ(fcntl(210, F_GETFD), FD_CLOEXEC);
    if (syscall(SYS_close_range, 200, 220, 0) != 0) {
      CHECK_EQ(errno, ENOSYS);
      SYS(close(200));
      SYS(close(210));
    }
    CHECK_EQ(fcntl(200, F_GETFD), -1);
    CHECK_EQ(errno, EBADF);
    CHECK_EQ(fcntl(210, F_GETFD), -1);
    SYS(close(fd));
  }
  return feature_pass();
}
