# SPDX-License-Identifier: GPL-2.0-or-later
# Program: a program that lives on signals: timer, children, alarm, page faults
# Package: gcc
. "$(dirname "$0")/need.inc"

case $1 in
prepare)
  need gcc
  cat >in.c <<'C'
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile sig_atomic_t ticks, children, faults, usr;
static char* page;
static void on(int n, siginfo_t* info, void* c) {
  (void)c;
  if (n == SIGALRM) ++ticks;
  if (n == SIGUSR1) ++usr;
  if (n == SIGCHLD) while (waitpid(-1, NULL, WNOHANG) > 0) ++children;
  if (n == SIGSEGV) {
    if ((char*)info->si_addr != page + 8) _exit(9);
    ++faults;
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
  }
}
int main(int argc, char** argv) {
  struct sigaction a;
  memset(&a, 0, sizeof a);
  a.sa_sigaction = on;
  a.sa_flags = SA_SIGINFO | SA_RESTART;
  for (int i = 0; i < 4; ++i) sigaction((int[]){SIGALRM, SIGUSR1, SIGCHLD, SIGSEGV}[i], &a, NULL);
  page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int rounds = atoi(argv[argc - 1]);
  for (int r = 0; r < rounds; ++r) {
    struct itimerval t = {{0, 0}, {0, 4000}};
    int before = ticks;
    setitimer(ITIMER_REAL, &t, NULL);
    while (ticks == before) for (volatile int i = 0; i < 1000; ++i) continue;
    mprotect(page, 4096, PROT_READ);
    *(volatile char*)(page + 8) = 1;
    raise(SIGUSR1);
    if (r % 10 == 0) {
      int had = children;
      fflush(stdout);
      if (fork() == 0) _exit(0);
      while (children == had) usleep(1000);
    }
  }
  printf("%d ticks, %d faults, %d raised, %d children\n", (int)ticks, (int)faults, (int)usr, (int)children);
}
C
  gcc -O2 in.c -o program
  ;;
run) exec ./program "$(pick 150 6000)" ;;
esac
