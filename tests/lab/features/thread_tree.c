// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: threads start threads that start threads; ids, masks, names, signals and values hold
// Group: threads
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "feature.h"

enum { kDepth = 4 };  // 30 threads below the first
static atomic_int signals;
static _Thread_local int mine;

static void count(int number, siginfo_t* info, void* context) {
  (void)number, (void)context;
  CHECK_EQ(info->si_code, SI_TKILL);
  CHECK_EQ(info->si_pid, getpid());
  ++mine;
  atomic_fetch_add(&signals, 1);
}

struct node {
  int depth;
  pid_t maker;
  uint64_t sum;
};

static void grow(struct node* n);

static void* run(void* node) {
  struct node* n = node;
  const pid_t tid = (pid_t)syscall(SYS_gettid);
  CHECK(tid != n->maker && tid != getpid());
  // What a thread has from its maker.
  char name[16] = "";
  SYS(prctl(PR_GET_NAME, name));
  CHECK(strcmp(name, "a tree") == 0);
  sigset_t mask;
  OK(pthread_sigmask(SIG_BLOCK, NULL, &mask));
  CHECK(sigismember(&mask, SIGUSR2) == 1 && sigismember(&mask, SIGUSR1) == 0);
  stack_t stack;
  SYS(sigaltstack(NULL, &stack));
  CHECK_EQ(stack.ss_flags, SS_DISABLE);
  SYS(syscall(SYS_tgkill, getpid(), tid, SIGUSR1));
  SYS(syscall(SYS_tgkill, getpid(), n->maker, 0));
  CHECK_EQ(mine, 1);
  grow(n);
  return NULL;
}

static void grow(struct node* n) {
  n->sum = feature_work() + (uint64_t)n->depth;
  if (n->depth == 0) return;
  struct node below[2];
  pthread_t threads[2];
  for (int i = 0; i < 2; ++i) {
    below[i] = (struct node){n->depth - 1, (pid_t)syscall(SYS_gettid), 0};
    OK(pthread_create(&threads[i], NULL, run, &below[i]));
  }
  for (int i = 0; i < 2; ++i) {
    OK(pthread_join(threads[i], NULL));
    n->sum += below[i].sum;
  }
}

int main(void) {
  feature_handle(SIGUSR1, count, SA_RESTART);
  feature_block(SIGUSR2);
  SYS(prctl(PR_SET_NAME, "a tree"));
  uint64_t first = 0;
  while (feature_more()) {
    atomic_store(&signals, 0);
    struct node root = {kDepth, 0, 0};
    grow(&root);
    if (first == 0) first = root.sum;
    CHECK_EQ(root.sum, first);
    CHECK_EQ(atomic_load(&signals), (2 << kDepth) - 2);
  }
  return feature_pass();
}
