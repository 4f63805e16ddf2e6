// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: ignored signals stay ignored and default ones default, seen by sigaction
// Group: signals
#include "feature.h"

int main(void) {
  signal(SIGHUP, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_DFL);
  while (feature_more()) {
    struct sigaction seen;
    feature_work();
    SYS(raise(SIGHUP));
    SYS(kill(getpid(), SIGINT));
    SYS(raise(SIGWINCH));  // ignored by default
    SYS(sigaction(SIGHUP, NULL, &seen));
    CHECK(seen.sa_handler == SIG_IGN);
    SYS(sigaction(SIGTERM, NULL, &seen));
    CHECK(seen.sa_handler == SIG_DFL);
    sigset_t pending;
    SYS(sigpending(&pending));
    CHECK_EQ(sigismember(&pending, SIGHUP), 0);
  }
  return feature_pass();
}
