// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: SIGILL and SIGTRAP handlers step over the instruction
// Group: signals
#include <ucontext.h>

#include "feature.h"

static volatile int illegal, traps;

static void on_illegal(int n, siginfo_t* info, void* context) {
  (void)n;
  ucontext_t* const c = context;
  CHECK_EQ((uintptr_t)info->si_addr, c->uc_mcontext.gregs[REG_RIP]);
  c->uc_mcontext.gregs[REG_RIP] += 2;  // ud2
  illegal = illegal + 1;
}

static void on_trap(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  traps = traps + 1;
}

int main(void) {
  feature_handle(SIGILL, on_illegal, 0);
  feature_handle(SIGTRAP, on_trap, 0);
  int rounds = 0;
  while (feature_more()) {
    feature_work();
    ++rounds;
    __asm__ volatile("ud2" ::: "memory");
    CHECK_EQ(illegal, rounds);
    __asm__ volatile("int3" ::: "memory");
    CHECK_EQ(traps, rounds);
  }
  return feature_pass();
}
