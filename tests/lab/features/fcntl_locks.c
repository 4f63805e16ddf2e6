// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: POSIX record locks are held by the process and seen by a child, blocking ones wait
// Group: files
#include <fcntl.h>

#include "feature.h"

static int lock(int fd, int command, short type, off_t start, off_t size, struct flock* out) {
  struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = size};
  const int r = fcntl(fd, command, &l);
  if (out) *out = l;
  return r;
}

int main(void) {
  feature_scratch();
  const int fd = (int)SYS(open("file", O_RDWR | O_CREAT, 0600));
  const pid_t parent = getpid();
  int seen[2];
  SYS(pipe(seen));
  while (feature_more()) {
    SYS(lock(fd, F_SETLK, F_WRLCK, 0, 10, NULL));
    feature_work();
    const pid_t pid = feature_fork();
    if (pid == 0) {
      struct flock l;
      SYS(lock(fd, F_GETLK, F_WRLCK, 5, 1, &l));
      CHECK_EQ(l.l_type, F_WRLCK);
      CHECK_EQ(l.l_pid, parent);
      CHECK_EQ(lock(fd, F_SETLK, F_RDLCK, 5, 1, NULL), -1);
      CHECK(errno == EAGAIN || errno == EACCES);
      SYS(lock(fd, F_SETLK, F_WRLCK, 10, 5, NULL));
      CHECK_EQ(write(seen[1], "s", 1), 1);
      SYS(lock(fd, F_SETLKW, F_WRLCK, 0, 10, NULL));
      _exit(6);
    }
    char byte;
    CHECK_EQ(read(seen[0], &byte, 1), 1);
    feature_work();
    CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
    SYS(lock(fd, F_SETLK, F_UNLCK, 0, 10, NULL));
    feature_wait_exit(pid, 6);
  }
  return feature_pass();
}
