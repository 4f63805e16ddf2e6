// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: RLIMIT_FSIZE gives SIGXFSZ and EFBIG and a file of just that size
// Group: signals
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "feature.h"

static volatile int count;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  count = count + 1;
}

int main(void) {
  feature_scratch();
  feature_handle(SIGXFSZ, on_signal, 0);
  const struct rlimit limit = {10000, RLIM_INFINITY};
  SYS(setrlimit(RLIMIT_FSIZE, &limit));
  int rounds = 0;
  static char block[4096];
  while (feature_more()) {
    const int fd = (int)SYS(open("file", O_WRONLY | O_CREAT | O_TRUNC, 0600));
    CHECK_EQ(write(fd, block, 4096), 4096);
    feature_work();
    CHECK_EQ(write(fd, block, 4096), 4096);
    CHECK_EQ(write(fd, block, 4096), 10000 - 8192);
    CHECK_EQ(write(fd, block, 4096), -1);
    CHECK_EQ(errno, EFBIG);
    CHECK_EQ(count, ++rounds);
    struct stat s;
    SYS(fstat(fd, &s));
    CHECK_EQ(s.st_size, 10000);
    SYS(close(fd));
  }
  return feature_pass();
}
