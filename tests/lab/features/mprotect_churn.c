// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: changing protections split and merge mappings without losing contents
// Group: memory
#include <setjmp.h>
#include <sys/mman.h>

#include "feature.h"

enum { kPages = 64 };
static sigjmp_buf back;

static void on_fault(int n, siginfo_t* info, void* context) {
  (void)n, (void)info, (void)context;
  siglongjmp(back, 1);
}

// Whether reading (or writing the same value back) is allowed.
static bool may(volatile uint64_t* p, bool write) {
  if (sigsetjmp(back, 1) != 0) return false;
  const uint64_t value = *p;
  if (write) *p = value;
  return true;
}

int main(void) {
  feature_handle(SIGSEGV, on_fault, 0);
  uint64_t* const base =
      mmap(NULL, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(base != MAP_FAILED);
  int protection[kPages];
  for (int p = 0; p < kPages; ++p) {
    base[p * 512] = (uint64_t)p * 7 + 1;
    protection[p] = PROT_READ | PROT_WRITE;
  }
  uint64_t seed = 13;
  static const int kinds[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};
  while (feature_more()) {
    const int first = (int)(feature_random(&seed) % kPages);
    const int count = 1 + (int)(feature_random(&seed) % (uint64_t)(kPages - first));
    const int kind = kinds[feature_random(&seed) % 4];
    SYS(mprotect((char*)base + first * 4096, (size_t)count * 4096, kind));
    for (int p = first; p < first + count; ++p) protection[p] = kind;
    for (int p = 0; p < kPages; p += 5) {
      const bool readable = protection[p] != PROT_NONE,
                 writable = (protection[p] & PROT_WRITE) != 0;
      CHECK_EQ(may(&base[p * 512], false), readable);
      CHECK_EQ(may(&base[p * 512], true), writable);
      if (readable) CHECK_EQ(base[p * 512], p * 7 + 1);
    }
  }
  return feature_pass();
}
