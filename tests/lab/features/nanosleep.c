// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: nanosleep lasts as long as asked and is not cut short
// Group: time
#include "feature.h"

int main(void) {
  for (int i = 0; feature_more(); ++i) {
    const struct timespec t = {0, 1000000 + i % 40 * 1000000};
    const int64_t start = feature_now();
    CHECK_EQ(nanosleep(&t, NULL), 0);
    CHECK(feature_now() - start >= t.tv_nsec);
    feature_work();
  }
  return feature_pass();
}
