// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: poll, select, ppoll and pselect: readiness, hang-up, time-outs, temporary signal masks
// Group: ipc
#include <poll.h>
#include <sys/select.h>

#include "feature.h"

static volatile int signals;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  signals = signals + 1;
}

int main(void) {
  feature_handle(SIGUSR1, on_signal, SA_RESTART);
  const sigset_t open_mask = feature_block(SIGUSR1);
  while (feature_more()) {
    int fds[2];
    SYS(pipe(fds));
    struct pollfd p = {.fd = fds[0], .events = POLLIN};
    const int64_t start = feature_now();
    CHECK_EQ(poll(&p, 1, 10), 0);
    CHECK(feature_now() - start >= 10000000);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fds[0], &set);
    struct timeval tv = {0, 10000};
    CHECK_EQ(select(fds[0] + 1, &set, NULL, NULL, &tv), 0);
    CHECK_EQ(FD_ISSET(fds[0], &set), 0);
    CHECK(feature_now() - start >= 20000000);
    // A signal that is blocked outside is let in by the call, which says EINTR.
    signals = 0;
    SYS(raise(SIGUSR1));
    feature_work();
    CHECK_EQ(signals, 0);
    CHECK_EQ(ppoll(&p, 1, NULL, &open_mask), -1);
    CHECK_EQ(errno, EINTR);
    CHECK_EQ(signals, 1);
    SYS(raise(SIGUSR1));
    FD_SET(fds[0], &set);
    CHECK_EQ(pselect(fds[0] + 1, &set, NULL, NULL, NULL, &open_mask), -1);
    CHECK_EQ(errno, EINTR);
    CHECK_EQ(signals, 2);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(poll(&p, 1, kFeatureHang), 1);
    CHECK_EQ(p.revents, POLLIN);
    FD_ZERO(&set);
    FD_SET(fds[0], &set);
    CHECK_EQ(select(fds[0] + 1, &set, NULL, NULL, NULL), 1);
    SYS(close(fds[1]));
    CHECK_EQ(poll(&p, 1, kFeatureHang), 1);
    CHECK_EQ(p.revents, POLLIN | POLLHUP);
    SYS(close(fds[0]));
  }
  return feature_pass();
}
