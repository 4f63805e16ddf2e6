// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: RLIMIT_NOFILE bounds descriptors, and closing makes room again
// Group: process
#include <fcntl.h>
#include <sys/resource.h>

#include "feature.h"

int main(void) {
  const struct rlimit limit = {64, 64};
  SYS(setrlimit(RLIMIT_NOFILE, &limit));
  while (feature_more()) {
    int fd, opened = 0, highest = 0;
    int all[64];
    while ((fd = open("/dev/null", O_RDONLY)) >= 0) {
      CHECK(opened < 64);
      all[opened++] = fd;
      highest = fd;
    }
    CHECK_EQ(errno, EMFILE);
    CHECK_EQ(highest, 63);
    feature_work();
    for (int i = 0; i < opened; ++i) SYS(close(all[i]));
  }
  return feature_pass();
}
