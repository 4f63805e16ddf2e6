// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: rename, link, unlink, symlink, access and stat by name and by directory descriptor
// Group: files
#include <fcntl.h>
#include <sys/stat.h>

#include "feature.h"

int main(void) {
  feature_scratch();
  const int dir = (int)SYS(open(".", O_RDONLY | O_DIRECTORY));
  while (feature_more()) {
    const int fd = (int)SYS(openat(dir, "one", O_RDWR | O_CREAT | O_EXCL, 0640));
    struct stat s, t;
    SYS(link("one", "two"));
    SYS(fstat(fd, &s));
    CHECK_EQ(s.st_nlink, 2);
    SYS(renameat(dir, "two", dir, "three"));
    CHECK_EQ(access("two", F_OK), -1);
    CHECK_EQ(errno, ENOENT);
    SYS(fstatat(dir, "three", &t, 0));
    CHECK_EQ(s.st_ino, t.st_ino);
    SYS(symlink("three", "four"));
    char target[16] = "";
    CHECK_EQ(readlink("four", target, sizeof target), 5);
    CHECK(strcmp(target, "three") == 0);
    SYS(lstat("four", &t));
    CHECK(S_ISLNK(t.st_mode));
    feature_work();
    SYS(unlink("one"));
    SYS(unlink("three"));
    SYS(unlink("four"));
    // No name left, yet the file lives.
    SYS(fstat(fd, &s));
    CHECK_EQ(s.st_nlink, 0);
    CHECK_EQ(write(fd, "alive", 5), 5);
    CHECK_EQ(pread(fd, target, 5, 0), 5);
    SYS(close(fd));
  }
  return feature_pass();
}
