// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: flock and open-file-description locks belong to the description, not the process
// Group: files
#include <fcntl.h>
#include <sys/file.h>

#include "feature.h"

int main(void) {
  feature_scratch();
  const int a = (int)SYS(open("file", O_RDWR | O_CREAT, 0600)), b = (int)SYS(open("file", O_RDWR));
  while (feature_more()) {
    SYS(flock(a, LOCK_EX));
    CHECK_EQ(flock(b, LOCK_SH | LOCK_NB), -1);
    CHECK_EQ(errno, EWOULDBLOCK);
    feature_work();
    SYS(flock(a, LOCK_SH));
    SYS(flock(b, LOCK_SH | LOCK_NB));
    SYS(flock(a, LOCK_UN));
    SYS(flock(b, LOCK_UN));
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 4};
    SYS(fcntl(a, F_OFD_SETLK, &l));
    feature_work();
    CHECK_EQ(fcntl(b, F_OFD_SETLK, &l), -1);
    CHECK_EQ(errno, EAGAIN);
    l.l_type = F_UNLCK;
    SYS(fcntl(a, F_OFD_SETLK, &l));
    l.l_type = F_WRLCK;
    SYS(fcntl(b, F_OFD_SETLK, &l));
    l.l_type = F_UNLCK;
    SYS(fcntl(b, F_OFD_SETLK, &l));
  }
  return feature_pass();
}
