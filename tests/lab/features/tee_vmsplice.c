// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: tee and vmsplice duplicate and feed pipes
// Group: ipc
// Stays: it gives pages to a pipe by vmsplice
#include <fcntl.h>
#include <sys/uio.h>

#include "feature.h"

int main(void) {
  int a[2], b[2];
  SYS(pipe(a));
  SYS(pipe(b));
  while (feature_more()) {
    char text[] = "fed by vmsplice", one[32] = "", two[32] = "";
    struct iovec v = {text, sizeof text};
    CHECK_EQ(vmsplice(a[1], &v, 1, 0), (long)sizeof text);
    CHECK_EQ(tee(a[0], b[1], sizeof text, 0), (long)sizeof text);
    feature_work();
    CHECK_EQ(read(a[0], one, sizeof one), (long)sizeof text);
    CHECK_EQ(read(b[0], two, sizeof two), (long)sizeof text);
    CHECK(strcmp(one, text) == 0 && strcmp(two, text) == 0);
  }
  return feature_pass();
}
