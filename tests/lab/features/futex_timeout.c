// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a futex wait with a timeout ends with ETIMEDOUT and not before its time
// Group: threads
#include <linux/futex.h>
#include <sys/syscall.h>

#include "feature.h"

int main(void) {
  static int word = 5;
  while (feature_more()) {
    const struct timespec t = {0, 20000000};
    const int64_t start = feature_now();
    CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 5, &t), -1);
    CHECK_EQ(errno, ETIMEDOUT);
    CHECK(feature_now() - start >= 20000000);
    CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 4, &t), -1);
    CHECK_EQ(errno, EAGAIN);
    feature_work();
  }
  return feature_pass();
}
