// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: 64 GiB of MAP_NORESERVE, touched here and there
// Group: memory
#include <sys/mman.h>

#include "feature.h"

int main(void) {
  const size_t size = 64UL << 30;
  char* const base =
      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) feature_skip("no 64 GiB of addresses");
  uint64_t seed = 16;
  static uint64_t place[1024];
  int used = 0;
  while (feature_more()) {
    for (int n = 0; n < 8 && used < 1024; ++n) {
      place[used] = feature_random(&seed) % (size / 8192) * 8192;
      *(uint64_t*)(base + place[used]) = place[used] ^ 0x5555;
      ++used;
    }
    for (int i = 0; i < used; ++i) {
      CHECK_EQ(*(uint64_t*)(base + place[i]), place[i] ^ 0x5555);
      CHECK_EQ(*(uint64_t*)(base + place[i] + 4096), 0);
    }
  }
  return feature_pass();
}
