// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: nanosleep lasts as long as asked and is not cut short
// Group: time
#include "feature.h"

int main(void) {
  for (int i = 0; feature_more(); ++i) {
    const struct timespec t = {0, 1000000 + i % 40 * 1000000};
    struct timespec rest = {12, 34};
    const int64_t start = feature_now();
    CHECK_EQ(nanosleep(&t, &rest), 0);
    CHECK(feature_now() - start >= t.tv_nsec);
    CHECK(rest.tv_sec == 12 && rest.tv_nsec == 34);  // untouched on success
    feature_work();
  }
  return feature_pass();
}
