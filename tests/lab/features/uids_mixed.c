// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: an effective id that differs from the real one is switched to and fro
// Group: process
#include "feature.h"

int main(void) {
  if (getuid() != 0) feature_skip("not root");
  SYS(setresgid(65534, 0, 0));
  SYS(setresuid(65534, 0, 0));
  while (feature_more()) {
    feature_work();
    CHECK_EQ(getuid(), 65534);
    CHECK_EQ(geteuid(), 0);
    SYS(seteuid(65534));
    feature_work();
    CHECK_EQ(geteuid(), 65534);
    CHECK_EQ(kill(1, 0), -1);
    SYS(seteuid(0));
    CHECK_EQ(geteuid(), 0);
    CHECK_EQ(getegid(), 0);
    CHECK_EQ(getgid(), 65534);
  }
  return feature_pass();
}
