// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: pread, pwrite, readv, writev, preadv2, pwritev2 and a large write
// Group: files
#include <fcntl.h>
#include <sys/uio.h>

#include "feature.h"

int main(void) {
  feature_scratch();
  const int fd = (int)SYS(open("file", O_RDWR | O_CREAT, 0600));
  const size_t large = 3 << 20;
  unsigned char *const out = malloc(large), *const in = malloc(large);
  CHECK(out && in);
  for (unsigned n = 1; feature_more(); ++n) {
    for (size_t i = 0; i < large; i += 64) out[i] = (unsigned char)(n + i / 64);
    CHECK_EQ(pwrite(fd, out, large, 100), (long)large);
    feature_work();
    CHECK_EQ(pread(fd, in, large, 100), (long)large);
    for (size_t i = 0; i < large; i += 64) CHECK_EQ(in[i], out[i]);
    char a[5] = "abcd", b[8] = "efghijk";
    struct iovec w[] = {{a, 4}, {b, 7}};
    SYS(lseek(fd, 0, SEEK_SET));
    CHECK_EQ(writev(fd, w, 2), 11);
    char c[8] = "", d[5] = "";
    struct iovec r[] = {{c, 7}, {d, 4}};
    SYS(lseek(fd, 0, SEEK_SET));
    CHECK_EQ(readv(fd, r, 2), 11);
    CHECK(strcmp(c, "abcdefg") == 0 && strcmp(d, "hijk") == 0);
    CHECK_EQ(pwritev2(fd, w, 2, 50, RWF_DSYNC), 11);
    CHECK_EQ(preadv2(fd, r, 2, 50, 0), 11);
    CHECK(strcmp(c, "abcdefg") == 0 && strcmp(d, "hijk") == 0);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11);
  }
  return feature_pass();
}
