// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: code written at run time, made executable and called
// Group: cpu
#include <sys/mman.h>

#include "feature.h"

int main(void) {
  unsigned char* const page =
      mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  uint32_t constant = 0;
  while (feature_more()) {
    SYS(mprotect(page, 4096, PROT_READ | PROT_WRITE));
    constant = constant * 69069 + 1;
    const unsigned char code[] = {0x8d, 0x87, 0, 0, 0, 0, 0xc3};  // lea constant(%rdi), %eax; ret
    memcpy(page, code, sizeof code);
    memcpy(page + 2, &constant, 4);
    SYS(mprotect(page, 4096, PROT_READ | PROT_EXEC));
    uint32_t (*add)(uint32_t) = (uint32_t(*)(uint32_t))(uintptr_t)page;
    for (uint32_t i = 0; i < 100000; ++i) CHECK_EQ(add(i), i + constant);
  }
  return feature_pass();
}
