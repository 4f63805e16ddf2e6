// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: PROT_NONE guard pages still guard
// Group: memory
#include <setjmp.h>
#include <sys/mman.h>

#include "feature.h"

static sigjmp_buf back;

static void on_fault(int n, siginfo_t* info, void* context) {
  (void)n, (void)context;
  CHECK_EQ(info->si_code, SEGV_ACCERR);
  siglongjmp(back, 1);
}

int main(void) {
  enum { kBlocks = 16 };
  char* const base = mmap(NULL, kBlocks * 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(base != MAP_FAILED);
  feature_handle(SIGSEGV, on_fault, 0);
  for (int i = 0; i < kBlocks; ++i) SYS(mprotect(base + i * 8192, 4096, PROT_READ | PROT_WRITE));
  volatile int n = 0;
  while (feature_more()) {
    feature_work();
    for (n = 0; n < kBlocks; n = n + 1) {
      *(volatile char*)(base + n * 8192 + 4095) = (char)n;
      if (sigsetjmp(back, 1) == 0) {
        *(volatile char*)(base + n * 8192 + 4096) = 1;
        CHECK(false);
      }
      CHECK_EQ(base[n * 8192 + 4095], n);
    }
  }
  return feature_pass();
}
