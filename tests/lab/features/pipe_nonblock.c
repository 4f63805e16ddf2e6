// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: nonblocking pipes: EAGAIN when full and empty, F_SETPIPE_SZ, FIONREAD, end of file
// Group: ipc
#include <fcntl.h>
#include <sys/ioctl.h>

#include "feature.h"

int main(void) {
  static char block[4096];
  while (feature_more()) {
    int fds[2], queued = 0;
    SYS(pipe2(fds, O_NONBLOCK));
    const long size = SYS(fcntl(fds[1], F_SETPIPE_SZ, 32768));
    CHECK(size >= 32768);
    long written = 0;
    ssize_t r;
    while ((r = write(fds[1], block, sizeof block)) > 0) written += r;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(written, size);
    feature_work();
    SYS(ioctl(fds[0], FIONREAD, &queued));
    CHECK_EQ(queued, written);
    CHECK_EQ(fcntl(fds[0], F_GETPIPE_SZ), size);
    while ((r = read(fds[0], block, sizeof block)) > 0) written -= r;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(written, 0);
    SYS(close(fds[1]));
    CHECK_EQ(read(fds[0], block, 1), 0);
    SYS(close(fds[0]));
  }
  return feature_pass();
}
