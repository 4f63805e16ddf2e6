// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: mode, owner, times and extended attributes of a file
// Group: files
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "feature.h"

int main(void) {
  feature_scratch();
  const int fd = (int)SYS(open("file", O_RDWR | O_CREAT, 0600));
  for (unsigned n = 0; feature_more(); ++n) {
    const struct timespec times[2] = {{1000000 + n, 5}, {2000000 + n, 7}};
    SYS(fchmod(fd, 0400 | (n & 077)));
    SYS(futimens(fd, times));
    feature_work();
    struct stat s;
    SYS(stat("file", &s));
    CHECK_EQ(s.st_mode & 07777, 0400 | (n & 077));
    CHECK_EQ(s.st_atim.tv_sec, 1000000 + n);
    CHECK_EQ(s.st_mtim.tv_sec, 2000000 + n);
    CHECK_EQ(s.st_mtim.tv_nsec, 7);
    struct statx x;
    SYS(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x));
    CHECK_EQ(x.stx_ino, s.st_ino);
    CHECK_EQ(x.stx_uid, s.st_uid);
    if (fsetxattr(fd, "user.feature", &n, sizeof n, 0) == 0) {
      unsigned seen = 0;
      CHECK_EQ(getxattr("file", "user.feature", &seen, sizeof seen), (long)sizeof seen);
      CHECK_EQ(seen, n);
    } else {
      CHECK(errno == ENOTSUP || errno == EOPNOTSUPP);
    }
  }
  return feature_pass();
}
