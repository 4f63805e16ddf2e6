// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: restartable sequences stay registered and name a CPU that exists
// Group: cpu
#include <sys/rseq.h>
#include <sys/syscall.h>

#include "feature.h"

int main(void) {
  if (__rseq_size == 0) feature_skip("the C library registered no rseq area");
  struct rseq* const area = (struct rseq*)((char*)__builtin_thread_pointer() + __rseq_offset);
  const long cpus = sysconf(_SC_NPROCESSORS_CONF);
  while (feature_more()) {
    for (volatile int i = 0; i < 100000; i = i + 1) continue;
    CHECK(*(volatile uint32_t*)&area->cpu_id < (uint32_t)cpus);
    CHECK(*(volatile uint32_t*)&area->cpu_id_start < (uint32_t)cpus);
    // Another area is refused as long as one is registered: with EINVAL, EBUSY only for the same.
    static struct rseq other __attribute__((aligned(32)));
    errno = 0;
    CHECK_EQ(syscall(SYS_rseq, &other, 32, 0, RSEQ_SIG), -1);
    CHECK(errno == EINVAL || errno == EBUSY);
  }
  return feature_pass();
}
