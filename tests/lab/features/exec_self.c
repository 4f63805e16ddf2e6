// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: exec of itself again and again keeps pid, signal mask and descriptors
// Group: process
#include <fcntl.h>
#include <sys/mman.h>

#include "feature.h"

int main(int argc, char** argv) {
  if (argc == 1) {
    char number[32], pid[32], end[32];
    const int fd = (int)SYS(memfd_create("kept", 0));
    (void)SYS(dup2(fd, 100));
    (void)SYS(open("/dev/null", O_RDONLY | O_CLOEXEC));
    signal(SIGHUP, SIG_IGN);
    feature_block(SIGUSR1);
    snprintf(number, sizeof number, "1");
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    snprintf(end, sizeof end, "%lld", (long long)(feature_now() + feature_duration()));
    execl("/proc/self/exe", argv[0], number, pid, end, (char*)NULL);
    return 1;
  }
  CHECK_EQ(argc, 4);
  const int round = atoi(argv[1]);
  CHECK_EQ(atoi(argv[2]), getpid());
  CHECK_EQ(lseek(100, 0, SEEK_END), round - 1);
  CHECK_EQ(write(100, "x", 1), 1);
  struct sigaction seen;
  SYS(sigaction(SIGHUP, NULL, &seen));
  CHECK(seen.sa_handler == SIG_IGN);
  sigset_t mask;
  SYS(sigprocmask(SIG_SETMASK, NULL, &mask));
  CHECK_EQ(sigismember(&mask, SIGUSR1), 1);
  for (int i = 0; i < 10; ++i) feature_work();
  if (round >= 3 && feature_now() >= atoll(argv[3])) return feature_pass();
  char number[32];
  snprintf(number, sizeof number, "%d", round + 1);
  execl("/proc/self/exe", argv[0], number, argv[2], argv[3], (char*)NULL);
  return 1;
}
