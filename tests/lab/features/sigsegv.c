// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: SIGSEGV handlers see the fault address and code, and repair the page
// Group: signals
#include <sys/mman.h>

#include "feature.h"

static char* pages;
static volatile int faults;
static char* volatile expected;
static volatile int code;

static void on_fault(int n, siginfo_t* info, void* context) {
  (void)n, (void)context;
  CHECK(info->si_addr == expected);
  CHECK_EQ(info->si_code, code);
  char* const page = (char*)((uintptr_t)info->si_addr & ~4095UL);
  if (code == SEGV_MAPERR) {
    CHECK(mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
               0) == page);
  } else {
    SYS(mprotect(page, 4096, PROT_READ | PROT_WRITE));
  }
  faults = faults + 1;
}

int main(void) {
  enum { kPages = 16 };
  pages = mmap(NULL, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(pages != MAP_FAILED);
  feature_handle(SIGSEGV, on_fault, 0);
  int rounds = 0;
  while (feature_more()) {
    for (int i = 0; i < kPages; ++i) {
      char* const where = pages + i * 4096 + 123 + i;
      *where = (char)i;
      // An unmapped page first, then one that may only be read.
      SYS(munmap(pages + i * 4096, 4096));
      expected = where;
      code = SEGV_MAPERR;
      *(volatile char*)where = 'a';
      CHECK_EQ(faults, ++rounds);
      SYS(mprotect(pages + i * 4096, 4096, PROT_READ));
      code = SEGV_ACCERR;
      *(volatile char*)where = 'b';
      CHECK_EQ(faults, ++rounds);
      CHECK_EQ(*where, 'b');
    }
    feature_work();
  }
  return feature_pass();
}
