// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a memory protection key denies access until it is lifted
// Group: process
// Stays: it uses protection keys
#include <setjmp.h>
#include <sys/mman.h>

#include "feature.h"

static sigjmp_buf back;

static void on_fault(int n, siginfo_t* info, void* context) {
  (void)n, (void)context;
  CHECK_EQ(info->si_code, SEGV_PKUERR);
  siglongjmp(back, 1);
}

int main(void) {
  const int key = pkey_alloc(0, 0);
  if (key < 0) feature_skip("no protection keys");
  char* const page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  SYS(pkey_mprotect(page, 4096, PROT_READ | PROT_WRITE, key));
  feature_handle(SIGSEGV, on_fault, 0);
  while (feature_more()) {
    SYS(pkey_set(key, PKEY_DISABLE_ACCESS));
    feature_work();
    if (sigsetjmp(back, 1) == 0) {
      *(volatile char*)page = 1;
      CHECK(false);
    }
    SYS(pkey_set(key, 0));
    *(volatile char*)page = 2;
  }
  return feature_pass();
}
