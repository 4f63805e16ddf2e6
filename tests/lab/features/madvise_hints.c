// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: MADV_WILLNEED, RANDOM, HUGEPAGE, COLD and the like change no contents
// Group: memory
#include <sys/mman.h>

#include "feature.h"

enum { kSize = 8 << 20 };

int main(void) {
  unsigned char* const base =
      mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(base != MAP_FAILED);
  for (size_t i = 0; i < kSize; i += 1000) base[i] = (unsigned char)(i / 1000);
  static const int hints[] = {MADV_WILLNEED, MADV_SEQUENTIAL, MADV_RANDOM, MADV_HUGEPAGE,
                              MADV_NORMAL,   MADV_NOHUGEPAGE, 20 /* MADV_COLD */};
  for (unsigned n = 0; feature_more(); ++n) {
    // Not every kernel has every hint: EINVAL is an answer, changed contents are not.
    if (madvise(base, kSize, hints[n % 7]) != 0) CHECK_EQ(errno, EINVAL);
    for (size_t i = 0; i < kSize; i += 1000) CHECK_EQ(base[i], (unsigned char)(i / 1000));
  }
  return feature_pass();
}
