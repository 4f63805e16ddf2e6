// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a robust process-shared mutex whose owner process is killed
// Group: threads
// Stays: it shares memory with its child
#include <pthread.h>
#include <sys/mman.h>

#include "feature.h"

struct shared {
  pthread_mutex_t mutex;
  volatile bool held;
};

int main(void) {
  struct shared* const s =
      mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(s != MAP_FAILED);
  pthread_mutexattr_t attributes;
  OK(pthread_mutexattr_init(&attributes));
  OK(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED));
  OK(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST));
  OK(pthread_mutex_init(&s->mutex, &attributes));
  while (feature_more()) {
    s->held = false;
    const pid_t child = feature_fork();
    if (child == 0) {
      OK(pthread_mutex_lock(&s->mutex));
      s->held = true;
      while (true) pause();
    }
    UNTIL(s->held);
    CHECK_EQ(pthread_mutex_trylock(&s->mutex), EBUSY);
    SYS(kill(child, SIGKILL));
    CHECK_EQ(pthread_mutex_lock(&s->mutex), EOWNERDEAD);
    OK(pthread_mutex_consistent(&s->mutex));
    OK(pthread_mutex_unlock(&s->mutex));
    CHECK_EQ(WTERMSIG(feature_wait(child)), SIGKILL);
  }
  return feature_pass();
}
