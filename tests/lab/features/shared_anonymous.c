// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: shared anonymous memory is seen by parent and child both ways
// Group: memory
// Stays: it shares memory with its child
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "feature.h"

int main(void) {
  _Atomic uint64_t* const cell =
      mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(cell != MAP_FAILED);
  const pid_t pid = feature_fork();
  if (pid == 0) {
    for (uint64_t n = 1;; n += 2) {
      while (atomic_load(&cell[0]) < n) sched_yield();
      if (atomic_load(&cell[1])) _exit(0);
      CHECK_EQ(atomic_load(&cell[0]), n);
      atomic_store(&cell[0], n + 1);
    }
  }
  uint64_t n = 1;
  for (; feature_more(); n += 2) {
    atomic_store(&cell[0], n);
    while (atomic_load(&cell[0]) != n + 1) {
      CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
      sched_yield();
    }
  }
  atomic_store(&cell[1], 1);
  atomic_store(&cell[0], n);
  feature_wait_exit(pid, 0);
  return feature_pass();
}
