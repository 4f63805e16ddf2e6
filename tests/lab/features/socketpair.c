// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: socket pairs of stream, datagram and seqpacket between parent and child, shutdown
// Group: ipc
#include <sys/socket.h>

#include "feature.h"

int main(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  for (unsigned n = 0; feature_more(); ++n) {
    int fds[2];
    const int type = types[n % 3];
    SYS(socketpair(AF_UNIX, type, 0, fds));
    const pid_t pid = feature_fork();
    if (pid == 0) {
      close(fds[0]);
      int value;
      for (int i = 0; i < 50; ++i) {
        CHECK_EQ(read(fds[1], &value, sizeof value), (long)sizeof value);
        value = value * 2 + 1;
        CHECK_EQ(write(fds[1], &value, sizeof value), (long)sizeof value);
      }
      if (type != SOCK_DGRAM) CHECK_EQ(read(fds[1], &value, sizeof value), 0);
      _exit(0);
    }
    SYS(close(fds[1]));
    for (int i = 0; i < 50; ++i) {
      int value;
      CHECK_EQ(write(fds[0], &i, sizeof i), (long)sizeof i);
      if (i % 10 == 0) feature_work();
      CHECK_EQ(read(fds[0], &value, sizeof value), (long)sizeof value);
      CHECK_EQ(value, 2 * i + 1);
    }
    SYS(shutdown(fds[0], SHUT_WR));
    feature_wait_exit(pid, 0);
    SYS(close(fds[0]));
  }
  return feature_pass();
}
