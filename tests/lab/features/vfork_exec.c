// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: vfork and exec, the parent waiting until the child has executed
// Group: process
#include "feature.h"

int main(void) {
  while (feature_more()) {
    feature_work();
    fflush(NULL);
    const pid_t pid = vfork();
    CHECK(pid >= 0);
    if (pid == 0) {
      execl("/bin/sh", "sh", "-c", "exit 23", (char*)NULL);
      _exit(127);
    }
    feature_wait_exit(pid, 23);
  }
  return feature_pass();
}
