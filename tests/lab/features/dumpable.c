// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a process that made itself undumpable stays so
// Group: process
// Stays: it is not dumpable
#include <sys/prctl.h>

#include "feature.h"

int main(void) {
  SYS(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
  while (feature_more()) {
    feature_work();
    CHECK_EQ(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
  }
  return feature_pass();
}
