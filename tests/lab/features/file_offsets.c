// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: file offsets: own, shared by dup, shared with a child, and set by lseek
// Group: files
#include <fcntl.h>

#include "feature.h"

int main(void) {
  feature_scratch();
  const int fd = (int)SYS(open("file", O_RDWR | O_CREAT, 0600));
  const int twin = (int)SYS(dup(fd));
  const int other = (int)SYS(open("file", O_RDWR));
  for (int n = 0; feature_more(); ++n) {
    SYS(ftruncate(fd, 0));
    SYS(lseek(fd, 0, SEEK_SET));
    SYS(lseek(other, 3, SEEK_SET));
    char text[32];
    for (int i = 0; i < 20; ++i) {
      snprintf(text, sizeof text, "%07d", n % 100000 + i);
      CHECK_EQ(write(i % 2 ? fd : twin, text, 7), 7);
      CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7 * (i + 1));
    }
    feature_work();
    CHECK_EQ(lseek(other, 0, SEEK_CUR), 3);
    const pid_t pid = feature_fork();
    if (pid == 0) {
      SYS(lseek(fd, 70, SEEK_SET));
      _exit(0);
    }
    feature_wait_exit(pid, 0);
    memset(text, 0, sizeof text);
    CHECK_EQ(read(twin, text, 7), 7);
    CHECK_EQ(atoi(text), n % 100000 + 10);
  }
  return feature_pass();
}
