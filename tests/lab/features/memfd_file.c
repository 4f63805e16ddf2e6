// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a memfd read, written, sized and sealed through its descriptor
// Group: memory
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "feature.h"

int main(void) {
  for (unsigned n = 0; feature_more(); ++n) {
    const int fd = (int)SYS(memfd_create("feature", MFD_ALLOW_SEALING));
    char text[64], got[64];
    snprintf(text, sizeof text, "round %u", n);
    CHECK_EQ(pwrite(fd, text, sizeof text, 1000), (long)sizeof text);
    feature_work();
    CHECK_EQ(pread(fd, got, sizeof got, 1000), (long)sizeof got);
    CHECK(memcmp(text, got, sizeof text) == 0);
    struct stat s;
    SYS(fstat(fd, &s));
    CHECK_EQ(s.st_size, 1064);
    SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    CHECK_EQ(pwrite(fd, text, 1, 0), -1);
    CHECK_EQ(errno, EPERM);
    CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_WRITE);
    SYS(close(fd));
  }
  return feature_pass();
}
