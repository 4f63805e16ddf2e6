// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a GS base set by arch_prctl stays
// Group: cpu
#include <asm/prctl.h>
#include <sys/syscall.h>

#include "feature.h"

int main(void) {
  static uint64_t cell[2] = {0x1122334455667788, 0};
  SYS(syscall(SYS_arch_prctl, ARCH_SET_GS, cell));
  while (feature_more()) {
    uint64_t value, base = 0;
    for (volatile int i = 0; i < 1000000; i = i + 1) continue;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(value));
    CHECK_EQ(value, cell[0]);
    SYS(syscall(SYS_arch_prctl, ARCH_GET_GS, &base));
    CHECK_EQ(base, (uintptr_t)cell);
    cell[0] = cell[0] * 3 + 1;
  }
  return feature_pass();
}
