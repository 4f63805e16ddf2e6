// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: writing to a pipe without reader gives SIGPIPE and EPIPE
// Group: signals
#include <sys/socket.h>

#include "feature.h"

static volatile int count;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  count = count + 1;
}

int main(void) {
  feature_handle(SIGPIPE, on_signal, SA_RESTART);
  int rounds = 0;
  while (feature_more()) {
    int fds[2];
    SYS(pipe(fds));
    SYS(close(fds[0]));
    feature_work();
    CHECK_EQ(write(fds[1], "x", 1), -1);
    CHECK_EQ(errno, EPIPE);
    CHECK_EQ(count, ++rounds);
    SYS(close(fds[1]));
    SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    SYS(close(fds[0]));
    CHECK_EQ(send(fds[1], "x", 1, MSG_NOSIGNAL), -1);
    CHECK_EQ(errno, EPIPE);
    CHECK_EQ(count, rounds);
    CHECK_EQ(send(fds[1], "x", 1, 0), -1);
    CHECK_EQ(count, ++rounds);
    SYS(close(fds[1]));
  }
  return feature_pass();
}
