// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a MAP_GROWSDOWN mapping grows when the page below is touched
// Group: memory
// Stays: it has a stack of its own that grows by itself
#include <sys/mman.h>

#include "feature.h"

int main(void) {
  // Room for the mapping to grow into, and the kernel's guard gap of 256 pages below it.
  enum { kRoom = 1024 };
  while (feature_more()) {
    char* const room = mmap(NULL, kRoom * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(room != MAP_FAILED);
    SYS(munmap(room, kRoom * 4096));
    char* const top = mmap(room + (kRoom - 1) * 4096, 4096, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    CHECK(top != MAP_FAILED);
    for (int i = 0; i < 100; ++i) *(volatile char*)(top - i * 4096) = (char)i;
    feature_work();
    for (int i = 0; i < 100; ++i) CHECK_EQ(top[-i * 4096], i);
    SYS(munmap(top - 99 * 4096, 100 * 4096));
  }
  return feature_pass();
}
