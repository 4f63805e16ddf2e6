// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: MADV_DONTFORK and MADV_WIPEONFORK hold for a child
// Group: memory
#include <sys/mman.h>

#include "feature.h"

int main(void) {
  char* const gone = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char* const wiped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(gone != MAP_FAILED && wiped != MAP_FAILED);
  SYS(madvise(gone, 4096, MADV_DONTFORK));
  SYS(madvise(wiped, 4096, MADV_WIPEONFORK));
  memset(gone, 1, 4096);
  memset(wiped, 2, 4096);
  while (feature_more()) {
    feature_work();
    const pid_t pid = feature_fork();
    if (pid == 0) {
      CHECK_EQ(msync(gone, 4096, MS_ASYNC), -1);
      CHECK_EQ(errno, ENOMEM);
      for (int i = 0; i < 4096; ++i) CHECK_EQ(wiped[i], 0);
      _exit(0);
    }
    feature_wait_exit(pid, 0);
    CHECK_EQ(gone[5], 1);
    CHECK_EQ(wiped[5], 2);
  }
  return feature_pass();
}
