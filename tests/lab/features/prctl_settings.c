// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: name, no_new_privs, dumpable, timer slack, keepcaps and THP switch of prctl
// Group: process
#include <sys/prctl.h>

#include "feature.h"

int main(void) {
  SYS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  SYS(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
  SYS(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
  for (unsigned n = 0; feature_more(); ++n) {
    char want[16], got[16];
    snprintf(want, sizeof want, "name-%u", n % 1000);
    SYS(prctl(PR_SET_NAME, want));
    SYS(prctl(PR_SET_TIMERSLACK, 60000 + n % 1000, 0, 0, 0));
    feature_work();
    SYS(prctl(PR_GET_NAME, got));
    CHECK(strcmp(got, want) == 0);
    CHECK_EQ(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), 60000 + n % 1000);
    CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    CHECK_EQ(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0), 1);
    CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
  }
  return feature_pass();
}
