// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: all general registers keep their values through a long loop
// Group: cpu
#include "feature.h"

// Order: rax rbx rdx rsi rdi rbp r8..r15; rcx counts.
uint64_t registers_in[14], registers_out[14];

static void hold(uint64_t turns) {
  __asm__ volatile(
      "lea -256(%%rsp), %%rsp\n push %%rbp\n"
      "mov registers_in+0(%%rip), %%rax\n mov registers_in+8(%%rip), %%rbx\n"
      "mov registers_in+16(%%rip), %%rdx\n mov registers_in+24(%%rip), %%rsi\n"
      "mov registers_in+32(%%rip), %%rdi\n mov registers_in+40(%%rip), %%rbp\n"
      "mov registers_in+48(%%rip), %%r8\n mov registers_in+56(%%rip), %%r9\n"
      "mov registers_in+64(%%rip), %%r10\n mov registers_in+72(%%rip), %%r11\n"
      "mov registers_in+80(%%rip), %%r12\n mov registers_in+88(%%rip), %%r13\n"
      "mov registers_in+96(%%rip), %%r14\n mov registers_in+104(%%rip), %%r15\n"
      "1: dec %%rcx\n jnz 1b\n"
      "mov %%rax, registers_out+0(%%rip)\n mov %%rbx, registers_out+8(%%rip)\n"
      "mov %%rdx, registers_out+16(%%rip)\n mov %%rsi, registers_out+24(%%rip)\n"
      "mov %%rdi, registers_out+32(%%rip)\n mov %%rbp, registers_out+40(%%rip)\n"
      "mov %%r8, registers_out+48(%%rip)\n mov %%r9, registers_out+56(%%rip)\n"
      "mov %%r10, registers_out+64(%%rip)\n mov %%r11, registers_out+72(%%rip)\n"
      "mov %%r12, registers_out+80(%%rip)\n mov %%r13, registers_out+88(%%rip)\n"
      "mov %%r14, registers_out+96(%%rip)\n mov %%r15, registers_out+104(%%rip)\n"
      "pop %%rbp\n lea 256(%%rsp), %%rsp\n"
      : "+c"(turns)
      :
      : "rax", "rbx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
        "memory", "cc");
}

int main(void) {
  uint64_t seed = 1;
  while (feature_more()) {
    for (int i = 0; i < 14; ++i) registers_in[i] = feature_random(&seed);
    memset(registers_out, 0, sizeof registers_out);
    hold(20000000);
    for (int i = 0; i < 14; ++i) CHECK_EQ(registers_out[i], registers_in[i]);
  }
  return feature_pass();
}
