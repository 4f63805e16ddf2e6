// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: ftruncate, fallocate and holes: size, zeros, SEEK_DATA
// Group: files
#include <fcntl.h>
#include <sys/stat.h>

#include "feature.h"

int main(void) {
  feature_scratch();
  const int fd = (int)SYS(open("file", O_RDWR | O_CREAT, 0600));
  uint64_t seed = 22;
  while (feature_more()) {
    const off_t size = (off_t)(feature_random(&seed) % 1000000 + 2);
    SYS(ftruncate(fd, 0));
    SYS(ftruncate(fd, size));
    struct stat s;
    SYS(fstat(fd, &s));
    CHECK_EQ(s.st_size, size);
    feature_work();
    char c = 1;
    CHECK_EQ(pread(fd, &c, 1, size - 1), 1);
    CHECK_EQ(c, 0);
    CHECK_EQ(pread(fd, &c, 1, size), 0);
    CHECK_EQ(pwrite(fd, "x", 1, size + 4000000), 1);
    const off_t data = lseek(fd, 100, SEEK_DATA);
    CHECK(data == 100 ||
          (data <= size + 4000000 && data > 100));  // a file system may know no holes
    CHECK_EQ(posix_fallocate(fd, 0, size), 0);
    SYS(fstat(fd, &s));
    CHECK_EQ(s.st_size, size + 4000001);
  }
  return feature_pass();
}
