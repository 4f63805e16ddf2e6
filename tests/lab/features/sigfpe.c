// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: SIGFPE for an integer division by zero, with its address
// Group: signals
#include <setjmp.h>
#include <ucontext.h>

#include "feature.h"

static sigjmp_buf back;

static void on_signal(int n, siginfo_t* info, void* context) {
  (void)n;
  CHECK_EQ(info->si_code, FPE_INTDIV);
  const ucontext_t* const c = context;
  CHECK_EQ((uintptr_t)info->si_addr, c->uc_mcontext.gregs[REG_RIP]);
  CHECK_EQ(c->uc_mcontext.gregs[REG_R15], 0x1234567);
  siglongjmp(back, 3);
}

int main(void) {
  feature_handle(SIGFPE, on_signal, 0);
  while (feature_more()) {
    feature_work();
    const int r = sigsetjmp(back, 1);
    if (r == 0) {
      __asm__ volatile(
          "mov $0x1234567, %%r15\n xor %%edx, %%edx\n xor %%ecx, %%ecx\n mov $7, %%eax\n div "
          "%%ecx\n"
          :
          :
          : "rax", "rcx", "rdx", "r15", "cc");
      CHECK(false);
    }
    CHECK_EQ(r, 3);
  }
  return feature_pass();
}
