// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: real, effective and saved ids after dropping to nobody, and no way back
// Group: process
#include <fcntl.h>
#include <grp.h>
#include <sys/fsuid.h>

#include "feature.h"

int main(void) {
  if (getuid() != 0) feature_skip("not root");
  const gid_t groups[] = {65534, 4242, 5353};
  SYS(setgroups(3, groups));
  SYS(setresgid(65534, 65534, 65534));
  SYS(setresuid(65534, 65534, 65534));
  while (feature_more()) {
    uid_t r, e, s;
    gid_t got[8];
    feature_work();
    SYS(getresuid(&r, &e, &s));
    CHECK(r == 65534 && e == 65534 && s == 65534);
    SYS(getresgid(&r, &e, &s));
    CHECK(r == 65534 && e == 65534 && s == 65534);
    CHECK_EQ(setfsuid((uid_t)-1), 65534);
    CHECK_EQ(getgroups(8, got), 3);
    CHECK(got[0] == 4242 || got[1] == 4242 || got[2] == 4242);
    CHECK_EQ(setuid(0), -1);
    CHECK_EQ(errno, EPERM);
    CHECK_EQ(open("/etc/shadow", O_RDONLY), -1);
    CHECK_EQ(errno, EACCES);
  }
  return feature_pass();
}
