// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: /dev/null, zero, full and urandom
// Group: files
#include <fcntl.h>

#include "feature.h"

int main(void) {
  const int null = (int)SYS(open("/dev/null", O_RDWR)),
            zero = (int)SYS(open("/dev/zero", O_RDONLY)),
            full = (int)SYS(open("/dev/full", O_WRONLY)),
            random = (int)SYS(open("/dev/urandom", O_RDONLY));
  static char block[10000];
  while (feature_more()) {
    feature_work();
    CHECK_EQ(write(null, block, sizeof block), (long)sizeof block);
    CHECK_EQ(read(null, block, 10), 0);
    memset(block, 1, sizeof block);
    CHECK_EQ(read(zero, block, sizeof block), (long)sizeof block);
    for (size_t i = 0; i < sizeof block; ++i) CHECK_EQ(block[i], 0);
    CHECK_EQ(write(full, block, 1), -1);
    CHECK_EQ(errno, ENOSPC);
    CHECK_EQ(read(random, block, 64), 64);
    int zeros = 0;
    for (int i = 0; i < 64; ++i) zeros += block[i] == 0;
    CHECK(zeros < 32);
  }
  return feature_pass();
}
