// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: locked memory, by mlock and mlock2, stays locked and keeps its contents
// Group: memory
// Stays: it has locked memory
#include <sys/mman.h>

#include "feature.h"

static long locked_kb(void) {
  FILE* const f = fopen("/proc/self/status", "r");
  CHECK(f != NULL);
  char line[256];
  long value = -1;
  while (fgets(line, sizeof line, f)) {
    if (sscanf(line, "VmLck: %ld", &value) == 1) break;
  }
  fclose(f);
  return value;
}

int main(void) {
  char* const base =
      mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(base != MAP_FAILED);
  memset(base, 'm', 64 * 4096);
  while (feature_more()) {
    SYS(mlock(base, 16 * 4096));
    SYS(mlock2(base + 32 * 4096, 4096, MLOCK_ONFAULT));
    feature_work();
    CHECK_EQ(locked_kb(), 17 * 4);
    for (int i = 0; i < 64; ++i) CHECK_EQ(base[i * 4096 + i], 'm');
    SYS(munlock(base, 64 * 4096));
    CHECK_EQ(locked_kb(), 0);
  }
  return feature_pass();
}
