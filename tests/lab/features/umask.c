// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: the umask stays and applies to new files
// Group: process
#include <fcntl.h>
#include <sys/stat.h>

#include "feature.h"

int main(void) {
  feature_scratch();
  for (unsigned n = 0; feature_more(); ++n) {
    const mode_t mask = (mode_t)(n * 73 % 0100);
    umask(mask);
    feature_work();
    const int fd = (int)SYS(open("file", O_CREAT | O_RDWR, 0777));
    struct stat s;
    SYS(fstat(fd, &s));
    CHECK_EQ(s.st_mode & 0777, 0777 & ~mask);
    SYS(close(fd));
    SYS(unlink("file"));
    CHECK_EQ(umask(mask), mask);
  }
  return feature_pass();
}
