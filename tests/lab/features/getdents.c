// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a directory of 300 names is read whole, in pieces, while work goes on
// Group: files
#include <dirent.h>
#include <fcntl.h>

#include "feature.h"

int main(void) {
  feature_scratch();
  char name[32];
  for (int i = 0; i < 300; ++i) {
    snprintf(name, sizeof name, "file-%03d", i);
    SYS(close((int)SYS(open(name, O_CREAT | O_WRONLY, 0600))));
  }
  while (feature_more()) {
    DIR* const dir = opendir(".");
    CHECK(dir != NULL);
    int sum = 0, count = 0;
    for (struct dirent* e; (e = readdir(dir)) != NULL;) {
      int number;
      if (sscanf(e->d_name, "file-%d", &number) != 1) continue;
      sum += number;
      if (++count % 50 == 0) feature_work();
    }
    CHECK_EQ(count, 300);
    CHECK_EQ(sum, 299 * 300 / 2);
    closedir(dir);
  }
  return feature_pass();
}
