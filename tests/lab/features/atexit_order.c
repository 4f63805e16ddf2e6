// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: atexit functions run in reverse order in children that exit
// Group: process
#include "feature.h"

static int fd = -1;
static void say_a(void) {
  CHECK_EQ(write(fd, "a", 1), 1);
}
static void say_b(void) {
  CHECK_EQ(write(fd, "b", 1), 1);
}

int main(void) {
  while (feature_more()) {
    feature_work();
    int fds[2];
    SYS(pipe(fds));
    const pid_t pid = feature_fork();
    if (pid == 0) {
      fd = fds[1];
      atexit(say_a);
      atexit(say_b);
      exit(4);
    }
    feature_wait_exit(pid, 4);
    char text[3] = "";
    CHECK_EQ(read(fds[0], text, 2), 2);
    CHECK(strcmp(text, "ba") == 0);
    SYS(close(fds[0]));
    SYS(close(fds[1]));
  }
  return feature_pass();
}
