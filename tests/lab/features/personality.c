// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: the execution personality stays, and ADDR_NO_RANDOMIZE reaches a child
// Group: process
#include <sys/personality.h>

#include "feature.h"

int main(void) {
  const int initial = personality(0xffffffff);
  CHECK(initial != -1);
  if (personality((unsigned long)(initial | ADDR_NO_RANDOMIZE)) == -1)
    feature_skip("personality is not allowed");
  while (feature_more()) {
    feature_work();
    CHECK_EQ(personality(0xffffffff), initial | ADDR_NO_RANDOMIZE);
  }
  return feature_pass();
}
