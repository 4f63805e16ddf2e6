// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: System V shared memory attached twice
// Group: ipc
// Stays: it attaches System V shared memory
#include <sys/ipc.h>
#include <sys/shm.h>

#include "feature.h"

int main(void) {
  const int id = shmget(IPC_PRIVATE, 65536, IPC_CREAT | 0600);
  if (id == -1) feature_skip("no System V shared memory");
  uint64_t* const a = shmat(id, NULL, 0);
  uint64_t* const b = shmat(id, NULL, 0);
  CHECK(a != (void*)-1 && b != (void*)-1);
  SYS(shmctl(id, IPC_RMID, NULL));
  for (uint64_t n = 1; feature_more(); ++n) {
    a[n % 8192] = n;
    feature_work();
    CHECK_EQ(b[n % 8192], n);
  }
  return feature_pass();
}
