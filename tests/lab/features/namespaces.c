// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: namespaces and cgroup, as seen from inside, are those of the start
// Group: process
#include "feature.h"

static uint64_t look(void) {
  static const char* const names[] = {"cgroup",           "ipc",  "mnt", "net", "pid",
                                      "pid_for_children", "user", "uts"};
  uint64_t hash = kFeatureHash;
  char path[64], target[128];
  for (unsigned i = 0; i < sizeof names / sizeof *names; ++i) {
    snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
    const long size = SYS(readlink(path, target, sizeof target));
    hash = feature_hash(hash, target, (size_t)size);
  }
  FILE* const f = fopen("/proc/self/cgroup", "r");
  CHECK(f != NULL);
  char text[4096];
  hash = feature_hash(hash, text, fread(text, 1, sizeof text, f));
  fclose(f);
  return hash;
}

int main(void) {
  const uint64_t first = look();
  while (feature_more()) {
    feature_work();
    CHECK_EQ(look(), first);
  }
  return feature_pass();
}
