// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: the kernel still knows every thread's robust list
// Group: threads
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "feature.h"

static atomic_bool stop;

static void* look(void* unused) {
  struct robust_list_head *head = NULL, *again = NULL;
  size_t size = 0;
  SYS(syscall(SYS_get_robust_list, 0, &head, &size));
  CHECK(head != NULL);
  CHECK_EQ(size, sizeof *head);
  while (!atomic_load(&stop)) {
    feature_work();
    SYS(syscall(SYS_get_robust_list, 0, &again, &size));
    CHECK(again == head);
  }
  return unused;
}

int main(void) {
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) OK(pthread_create(&threads[i], NULL, look, NULL));
  while (feature_more()) usleep(10000);
  atomic_store(&stop, true);
  for (int i = 0; i < 3; ++i) OK(pthread_join(threads[i], NULL));
  return feature_pass();
}
