// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: uname, host name, sysinfo, sysconf and getrandom answer as at home
// Group: process
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "feature.h"

int main(void) {
  struct utsname first, now;
  SYS(uname(&first));
  const long cpus = sysconf(_SC_NPROCESSORS_CONF), ticks = sysconf(_SC_CLK_TCK);
  uint64_t last = 0;
  while (feature_more()) {
    feature_work();
    SYS(uname(&now));
    CHECK(memcmp(&first, &now, sizeof now) == 0);
    char host[256];
    SYS(gethostname(host, sizeof host));
    CHECK(strcmp(host, first.nodename) == 0);
    struct sysinfo info;
    SYS(sysinfo(&info));
    CHECK(info.totalram > 0 && info.mem_unit > 0 && info.procs > 0);
    CHECK_EQ(sysconf(_SC_NPROCESSORS_CONF), cpus);
    CHECK_EQ(sysconf(_SC_CLK_TCK), ticks);
    uint64_t random;
    CHECK_EQ(getrandom(&random, 8, 0), 8);
    CHECK(random != last);  // equal twice running: once in 2^64
    last = random;
  }
  return feature_pass();
}
