// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: system calls given bad addresses fail with EFAULT and do not kill
// Group: memory
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "feature.h"

int main(void) {
  char* const none =
      mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(none != MAP_FAILED);
  SYS(mprotect(none + 4096, 4096, PROT_NONE));
  char* const gone = none + 2 * 4096;
  SYS(munmap(gone, 4096));
  int fds[2];
  SYS(pipe(fds));
  while (feature_more()) {
    feature_work();
    CHECK_EQ(write(fds[1], none + 4096, 10), -1);
    CHECK_EQ(errno, EFAULT);
    CHECK_EQ(syscall(SYS_stat, gone, none), -1);
    CHECK_EQ(errno, EFAULT);
    CHECK_EQ(syscall(SYS_uname, gone), -1);
    CHECK_EQ(errno, EFAULT);
    CHECK_EQ(syscall(SYS_clock_gettime, CLOCK_REALTIME, gone), -1);
    CHECK_EQ(errno, EFAULT);
    // Half of the buffer is good: what was there comes through.
    CHECK_EQ(write(fds[1], "abcdefgh", 8), 8);
    CHECK_EQ(read(fds[0], none + 4096 - 8, 8), 8);
    CHECK(memcmp(none + 4096 - 8, "abcdefgh", 8) == 0);
  }
  return feature_pass();
}
