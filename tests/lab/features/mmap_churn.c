// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: random mmap and munmap, whole and in part, every page with its own contents
// Group: memory
#include <sys/mman.h>

#include "feature.h"

enum { kSlots = 64, kPages = 16 };

int main(void) {
  static struct {
    uint64_t* base;
    bool mapped[kPages];
    uint64_t tag;
  } slot[kSlots];
  uint64_t seed = 12, tag = 1;
  while (feature_more()) {
    for (int n = 0; n < 200; ++n) {
      const int s = (int)(feature_random(&seed) % kSlots);
      if (slot[s].base == NULL) {
        slot[s].base =
            mmap(NULL, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(slot[s].base != MAP_FAILED);
        slot[s].tag = tag++;
        for (int p = 0; p < kPages; ++p) {
          CHECK_EQ(slot[s].base[p * 512], 0);
          slot[s].base[p * 512] = slot[s].tag * 100 + (uint64_t)p;
          slot[s].mapped[p] = true;
        }
        continue;
      }
      int left = 0;
      for (int p = 0; p < kPages; ++p) {
        if (!slot[s].mapped[p]) continue;
        CHECK_EQ(slot[s].base[p * 512], slot[s].tag * 100 + (uint64_t)p);
        ++left;
      }
      const int victim = (int)(feature_random(&seed) % kPages);
      if (left > kPages / 2 && slot[s].mapped[victim]) {
        SYS(munmap((char*)slot[s].base + victim * 4096, 4096));
        slot[s].mapped[victim] = false;
      } else if (left <= kPages / 2) {
        for (int p = 0; p < kPages; ++p) {
          if (slot[s].mapped[p]) SYS(munmap((char*)slot[s].base + p * 4096, 4096));
        }
        slot[s].base = NULL;
      }
    }
  }
  return feature_pass();
}
