// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a process-shared mutex in shared memory, between parent and child
// Group: threads
// Stays: it shares memory with its child
#include <pthread.h>
#include <sys/mman.h>

#include "feature.h"

struct shared {
  pthread_mutex_t mutex;
  int inside;
  bool stop;
  unsigned long total, counts[2];
};

static void contend(struct shared* s, int side) {
  OK(pthread_mutex_lock(&s->mutex));
  CHECK_EQ(s->inside++, 0);
  for (volatile int i = 0; i < 500; i = i + 1) continue;
  ++s->total;
  ++s->counts[side];
  CHECK_EQ(--s->inside, 0);
  OK(pthread_mutex_unlock(&s->mutex));
}

int main(void) {
  struct shared* const s =
      mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(s != MAP_FAILED);
  pthread_mutexattr_t attributes;
  OK(pthread_mutexattr_init(&attributes));
  OK(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED));
  OK(pthread_mutex_init(&s->mutex, &attributes));
  const pid_t child = feature_fork();
  if (child == 0) {
    while (!*(volatile bool*)&s->stop) contend(s, 1);
    _exit(0);
  }
  while (feature_more()) contend(s, 0);
  *(volatile bool*)&s->stop = true;
  feature_wait_exit(child, 0);
  CHECK_EQ(s->total, s->counts[0] + s->counts[1]);
  return feature_pass();
}
