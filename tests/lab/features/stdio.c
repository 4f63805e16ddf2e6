// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: buffered files of the C library: read, write, seek, append, unflushed data
// Group: files
#include "feature.h"

int main(void) {
  feature_scratch();
  while (feature_more()) {
    FILE* f = fopen("file", "w+");
    CHECK(f != NULL);
    for (int i = 0; i < 2000; ++i) CHECK(fprintf(f, "line %d of it\n", i) > 0);
    feature_work();  // some of it is still in the buffer
    rewind(f);
    char line[64], want[64];
    for (int i = 0; i < 2000; ++i) {
      snprintf(want, sizeof want, "line %d of it\n", i);
      CHECK(fgets(line, sizeof line, f) != NULL);
      CHECK(strcmp(line, want) == 0);
    }
    CHECK(fgets(line, sizeof line, f) == NULL);
    CHECK_EQ(fclose(f), 0);
  }
  return feature_pass();
}
