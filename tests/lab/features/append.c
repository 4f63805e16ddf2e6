// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: O_APPEND writes of two descriptors and two processes never overwrite each other
// Group: files
#include <fcntl.h>

#include "feature.h"

int main(void) {
  feature_scratch();
  while (feature_more()) {
    const int a = (int)SYS(open("log", O_WRONLY | O_CREAT | O_APPEND | O_TRUNC, 0600));
    const int b = (int)SYS(open("log", O_WRONLY | O_APPEND));
    const pid_t pid = feature_fork();
    for (int i = 0; i < 50; ++i)
      CHECK_EQ(write(i % 2 ? a : b, pid ? "parent\n" : "child-\n", 7), 7);
    if (pid == 0) _exit(0);
    feature_wait_exit(pid, 0);
    feature_work();
    FILE* const f = fopen("log", "r");
    CHECK(f != NULL);
    char line[64];
    int parents = 0, children = 0;
    while (fgets(line, sizeof line, f)) {
      if (strcmp(line, "parent\n") == 0)
        ++parents;
      else if (strcmp(line, "child-\n") == 0)
        ++children;
      else
        CHECK(false);
    }
    fclose(f);
    CHECK_EQ(parents, 50);
    CHECK_EQ(children, 50);
    SYS(close(a));
    SYS(close(b));
  }
  return feature_pass();
}
