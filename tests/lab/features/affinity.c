// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: the set of allowed CPUs can be read, narrowed and is kept, getcpu names one of them
// Group: process
#include <sched.h>

#include "feature.h"

int main(void) {
  cpu_set_t all, one, seen;
  SYS(sched_getaffinity(0, sizeof all, &all));
  while (feature_more()) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &all)) continue;
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      SYS(sched_setaffinity(0, sizeof one, &one));
      feature_work();
      SYS(sched_getaffinity(0, sizeof seen, &seen));
      CHECK(CPU_EQUAL(&one, &seen));
    }
    SYS(sched_setaffinity(0, sizeof all, &all));
    SYS(sched_getaffinity(0, sizeof seen, &seen));
    CHECK(CPU_EQUAL(&all, &seen));
    unsigned cpu, node;
    SYS(getcpu(&cpu, &node));
    CHECK(cpu < (unsigned)sysconf(_SC_NPROCESSORS_CONF));
  }
  return feature_pass();
}
