// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a restartable sequence either commits once or goes to its abort handler
// Group: cpu
#include <sys/rseq.h>

#include "feature.h"

static volatile uint64_t counter;

// Adds one to the counter in a restartable sequence; false when it was aborted.
static bool add_one(struct rseq* area) {
  __asm__ volatile goto(
      ".pushsection __rseq_cs, \"aw\"\n .balign 32\n"
      "3: .long 0, 0\n .quad 1f, (2f - 1f), 4f\n .popsection\n"
      "lea 3b(%%rip), %%rax\n mov %%rax, %0\n"
      "1: mov %1, %%rax\n mov $40, %%ecx\n 5: dec %%ecx\n jnz 5b\n inc %%rax\n mov %%rax, %1\n 2:\n"
      ".pushsection __rseq_abort, \"ax\"\n"
      ".byte 0x0f, 0xb9, 0x3d\n .long 0x53053053\n 4: jmp %l[aborted]\n .popsection\n"
      :
      : "m"(area->rseq_cs), "m"(counter)
      : "rax", "rcx", "memory", "cc"
      : aborted);
  return true;
aborted:
  return false;
}

int main(void) {
  if (__rseq_size == 0) feature_skip("the C library registered no rseq area");
  struct rseq* const area = (struct rseq*)((char*)__builtin_thread_pointer() + __rseq_offset);
  uint64_t committed = 0;
  while (feature_more()) {
    for (int i = 0; i < 100000; ++i) {
      if (add_one(area)) ++committed;
    }
    CHECK_EQ(counter, committed);
  }
  CHECK(committed > 0);
  return feature_pass();
}
