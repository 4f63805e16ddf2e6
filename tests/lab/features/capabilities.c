// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: capability sets, bounding and ambient, stay as they were reduced
// Group: process
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "feature.h"

int main(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2], seen[2];
  SYS(syscall(SYS_capget, &header, sets));
  if ((sets[0].permitted & 1u << CAP_SETPCAP) == 0) feature_skip("no CAP_SETPCAP");
  SYS(prctl(PR_CAPBSET_DROP, CAP_SYS_TIME));
  sets[0].effective = 1u << CAP_CHOWN;
  sets[0].permitted = 1u << CAP_CHOWN | 1u << CAP_FOWNER;
  sets[0].inheritable = 1u << CAP_FOWNER;
  memset(&sets[1], 0, sizeof sets[1]);
  SYS(syscall(SYS_capset, &header, sets));
  SYS(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_FOWNER, 0, 0));
  while (feature_more()) {
    feature_work();
    SYS(syscall(SYS_capget, &header, seen));
    CHECK(memcmp(seen, sets, sizeof sets) == 0);
    CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_SYS_TIME), 0);
    CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_CHOWN), 1);
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_FOWNER, 0, 0), 1);
    const struct timespec t = {1, 0};
    CHECK_EQ(clock_settime(CLOCK_REALTIME, &t), -1);
    CHECK_EQ(errno, EPERM);
  }
  return feature_pass();
}
