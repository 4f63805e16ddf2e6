// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: the SSE control register keeps rounding mode, flush to zero and sticky flags
// Group: cpu
#include <xmmintrin.h>

#include "feature.h"

int main(void) {
  const unsigned initial = _mm_getcsr();
  unsigned mode = 0;
  while (feature_more()) {
    const unsigned wanted = 0x1f80 | (mode & 3) << 13 | (mode >> 2 & 1) << 15 | (mode >> 3 & 1);
    _mm_setcsr(wanted);
    for (volatile int i = 0; i < 3000000; i = i + 1) continue;
    CHECK_EQ(_mm_getcsr(), wanted);
    // What the mode does must hold too: a third rounds down or up.
    volatile float one = 1.0f, three = 3.0f;
    const float third = one / three;
    if ((mode & 3) == 2) CHECK(third * 3.0 >= 1.0);
    if ((mode & 3) == 1 || (mode & 3) == 3) CHECK(third * 3.0 < 1.0);
    ++mode;
  }
  _mm_setcsr(initial);
  return feature_pass();
}
