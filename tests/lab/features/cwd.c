// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: the working directory by chdir and fchdir, also when it has been renamed
// Group: process
#include <fcntl.h>
#include <sys/stat.h>

#include "feature.h"

int main(void) {
  feature_scratch();
  char top[256], here[512], want[512];
  CHECK(getcwd(top, sizeof top) != NULL);
  const int top_fd = (int)SYS(open(".", O_RDONLY | O_DIRECTORY));
  while (feature_more()) {
    SYS(mkdir("a", 0700));
    SYS(mkdir("a/b", 0700));
    SYS(chdir("a/b"));
    feature_work();
    CHECK(getcwd(here, sizeof here) != NULL);
    snprintf(want, sizeof want, "%s/a/b", top);
    CHECK(strcmp(here, want) == 0);
    snprintf(want, sizeof want, "%s/a", top);
    snprintf(here, sizeof here, "%s/c", top);
    SYS(rename(want, here));
    feature_work();
    CHECK(getcwd(here, sizeof here) != NULL);
    snprintf(want, sizeof want, "%s/c/b", top);
    CHECK(strcmp(here, want) == 0);
    SYS(fchdir(top_fd));
    CHECK(getcwd(here, sizeof here) != NULL);
    CHECK(strcmp(here, top) == 0);
    SYS(rmdir("c/b"));
    SYS(rmdir("c"));
  }
  return feature_pass();
}
