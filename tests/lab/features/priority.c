// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: nice value and scheduling policy stay as set
// Group: process
#include <sched.h>
#include <sys/resource.h>

#include "feature.h"

int main(void) {
  SYS(setpriority(PRIO_PROCESS, 0, 19));
  const struct sched_param none = {0};
  SYS(sched_setscheduler(0, SCHED_BATCH, &none));
  while (feature_more()) {
    feature_work();
    errno = 0;
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
    CHECK_EQ(errno, 0);
    CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
    CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
  }
  return feature_pass();
}
