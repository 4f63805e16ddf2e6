// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: system() and popen() with their output and exit status
// Group: process
#include "feature.h"

int main(void) {
  while (feature_more()) {
    feature_work();
    const int status = system("exit 9");
    CHECK_EQ(WEXITSTATUS(status), 9);
    FILE* const f = popen("echo one; echo two", "r");
    CHECK(f != NULL);
    char line[32];
    CHECK(fgets(line, sizeof line, f) && strcmp(line, "one\n") == 0);
    CHECK(fgets(line, sizeof line, f) && strcmp(line, "two\n") == 0);
    CHECK(fgets(line, sizeof line, f) == NULL);
    CHECK_EQ(pclose(f), 0);
  }
  return feature_pass();
}
