// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: getrusage of process, thread and children never goes back
// Group: time
#include <sys/resource.h>

#include "feature.h"

static int64_t microseconds(struct timeval t) {
  return t.tv_sec * 1000000LL + t.tv_usec;
}

int main(void) {
  static const int who[] = {RUSAGE_SELF, RUSAGE_THREAD, RUSAGE_CHILDREN};
  int64_t last[3] = {0, 0, 0};
  while (feature_more()) {
    for (int i = 0; i < 20; ++i) feature_work();
    for (int i = 0; i < 3; ++i) {
      struct rusage r;
      SYS(getrusage(who[i], &r));
      const int64_t now = microseconds(r.ru_utime) + microseconds(r.ru_stime);
      CHECK(now >= last[i]);
      last[i] = now;
      CHECK(r.ru_maxrss >= 0);
      if (i == 0) CHECK(r.ru_maxrss > 0);
    }
  }
  CHECK(last[0] > 0);
  return feature_pass();
}
