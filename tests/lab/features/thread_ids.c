// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: pid, tids and parent stay the same in every thread
// Group: threads
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "feature.h"

static atomic_bool stop;
static pid_t pid, parent;

static void* run(void* unused) {
  const long tid = syscall(SYS_gettid);
  CHECK(tid != pid);
  while (!atomic_load(&stop)) {
    for (volatile int i = 0; i < 50000; i = i + 1) continue;
    CHECK_EQ(syscall(SYS_gettid), tid);
    CHECK_EQ(syscall(SYS_getpid), pid);
    CHECK_EQ(syscall(SYS_getppid), parent);
    // Signal 0 to oneself: the id is the one that others would use.
    SYS(syscall(SYS_tgkill, pid, tid, 0));
  }
  return unused;
}

int main(void) {
  pid = getpid();
  parent = getppid();
  CHECK_EQ(syscall(SYS_gettid), pid);
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) OK(pthread_create(&threads[i], NULL, run, NULL));
  while (feature_more()) usleep(10000);
  atomic_store(&stop, true);
  for (int i = 0; i < 3; ++i) OK(pthread_join(threads[i], NULL));
  return feature_pass();
}
