// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a tree of processes four levels deep, each summing its children's statuses
// Group: process
#include "feature.h"

static int tree(int depth) {
  feature_work();
  if (depth == 0) return 1;
  int sum = 1;
  pid_t child[2];
  for (int i = 0; i < 2; ++i) {
    child[i] = feature_fork();
    if (child[i] == 0) _exit(tree(depth - 1));
  }
  for (int i = 0; i < 2; ++i) {
    const int status = feature_wait(child[i]);
    CHECK(WIFEXITED(status));
    sum += WEXITSTATUS(status);
  }
  return sum;
}

int main(void) {
  while (feature_more()) CHECK_EQ(tree(3), 15);
  return feature_pass();
}
