// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a memfd mapped twice: both mappings are one memory
// Group: memory
// Stays: it maps a memfd as shared memory
#include <sys/mman.h>

#include "feature.h"

int main(void) {
  const int fd = (int)SYS(memfd_create("feature", 0));
  SYS(ftruncate(fd, 8 * 4096));
  uint64_t* const a = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  uint64_t* const b = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(a != MAP_FAILED && b != MAP_FAILED);
  for (uint64_t n = 1; feature_more(); ++n) {
    a[n % 4096] = n;
    feature_work();
    CHECK_EQ(b[n % 4096], n);
    b[n % 4096] = n * 2;
    CHECK_EQ(*(volatile uint64_t*)&a[n % 4096], n * 2);
  }
  return feature_pass();
}
