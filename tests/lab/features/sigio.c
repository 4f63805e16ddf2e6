// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: O_ASYNC and F_SETSIG announce readable data with the descriptor
// Group: signals
#include <fcntl.h>
#include <sys/socket.h>

#include "feature.h"

static volatile int count, fd_seen, band;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)context;
  fd_seen = info->si_fd;
  band = (int)info->si_band;
  count = count + 1;
}

int main(void) {
  int fds[2];
  SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
  feature_handle(SIGRTMIN + 5, on_signal, SA_RESTART);
  SYS(fcntl(fds[0], F_SETOWN, getpid()));
  SYS(fcntl(fds[0], F_SETSIG, SIGRTMIN + 5));
  SYS(fcntl(fds[0], F_SETFL, O_ASYNC | O_NONBLOCK));
  while (feature_more()) {
    feature_work();
    count = 0;
    CHECK_EQ(write(fds[1], "z", 1), 1);
    UNTIL(count > 0);
    CHECK_EQ(fd_seen, fds[0]);
    CHECK((band & 1) != 0);  // POLLIN
    CHECK_EQ(fcntl(fds[0], F_GETOWN), getpid());
    char c;
    CHECK_EQ(read(fds[0], &c, 1), 1);
  }
  return feature_pass();
}
