// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: children that die of a signal are seen to have died of it
// Group: signals
#include <sys/resource.h>

#include "feature.h"

static volatile char* volatile nowhere;

int main(void) {
  const struct rlimit none = {0, 0};
  SYS(setrlimit(RLIMIT_CORE, &none));
  static const int deaths[] = {SIGTERM, SIGKILL, SIGABRT, SIGSEGV, SIGFPE, SIGHUP};
  for (unsigned i = 0; feature_more(); ++i) {
    const int want = deaths[i % 6];
    feature_work();
    const pid_t pid = feature_fork();
    if (pid == 0) {
      feature_work();
      if (want == SIGSEGV) *nowhere = 0;
      if (want == SIGABRT) abort();
      raise(want);
      _exit(1);
    }
    const int status = feature_wait(pid);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), want);
  }
  return feature_pass();
}
