// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: clone(2) and clone3(2) as runtimes without pthreads use them: stack, tids, errors
// Group: threads
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "feature.h"

enum { kStack = 64 * 1024 };
// What Go's runtime asks for, and the three ways in which the kernel tells a thread's number.
static const unsigned long kThread =
    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_SYSVSEM | CLONE_THREAD;
static const unsigned long kTells = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;

// At the top of the new thread's stack.
struct start {
  volatile int told_parent, own, cleared;
  volatile uint64_t sum;
};

static char* stack;

// Without a thread pointer of its own: nothing of the C library may be called, no stack protector.
__attribute__((noreturn, optimize("no-stack-protector"))) static void child(struct start* s) {
  long tid, unused;
  __asm__ volatile("syscall" : "=a"(tid) : "a"(SYS_gettid) : "rcx", "r11", "memory");
  uint64_t sum = 0;
  for (uint64_t i = 0; i < 200000; ++i) sum = sum * 31 + i;
  s->sum = sum;
  s->own = (int)tid;
  while (1) {
    __asm__ volatile("syscall" : "=a"(unused) : "a"(SYS_exit), "D"(0) : "rcx", "r11", "memory");
  }
}

// `number` with two to five arguments; the child goes to child(s) on the new stack.
static long clone_to(struct start* s, long number, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  register struct start* r12 __asm__("r12") = s;
  register void (*r13)(struct start*) __asm__("r13") = child;
  __asm__ volatile(
      "syscall\n"
      "test %%rax, %%rax\n"
      "jnz 1f\n"
      "xor %%ebp, %%ebp\n"
      "mov %%r12, %%rdi\n"
      "and $-16, %%rsp\n"
      "call *%%r13\n"
      "1:\n"
      : "=a"(result)
      : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r12), "r"(r13)
      : "rcx", "r11", "memory");
  return result;
}

static uint64_t expected(void) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < 200000; ++i) sum = sum * 31 + i;
  return sum;
}

static void await_end(struct start* s, long tid) {
  // The kernel clears it and wakes who waits there, whatever process that is in: not private.
  while (s->cleared != 0) syscall(SYS_futex, &s->cleared, FUTEX_WAIT, (int)tid, NULL, NULL, 0);
  CHECK_EQ(s->own, tid);
  CHECK_EQ(s->told_parent, tid);
  CHECK_EQ(s->sum, expected());
}

int main(void) {
  stack = mmap(NULL, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(stack != MAP_FAILED);
  struct start* s = (struct start*)(stack + kStack - 4096);
  while (feature_more()) {
    memset(s, 0, sizeof *s);
    s->cleared = -1;  // until the kernel has written the number there
    long tid = clone_to(s, SYS_clone, (long)(kThread | kTells), (long)s, (long)&s->told_parent,
                        (long)&s->cleared);
    CHECK(tid > 0 && tid != getpid());
    await_end(s, tid);

    memset(s, 0, sizeof *s);
    s->cleared = -1;
    struct clone_args args = {
        .flags = kThread | kTells,
        .child_tid = (uintptr_t)&s->cleared,
        .parent_tid = (uintptr_t)&s->told_parent,
        .stack = (uintptr_t)stack,
        .stack_size = kStack - 4096,
    };
    tid = clone_to(s, SYS_clone3, (long)&args, sizeof args, 0, 0);
    if (tid != -ENOSYS) {
      CHECK(tid > 0 && tid != getpid());
      await_end(s, tid);
    }

    // What the kernel refuses makes nothing.
    CHECK_EQ(clone_to(s, SYS_clone, (long)(kThread & ~(unsigned long)CLONE_SIGHAND), (long)s, 0, 0),
             -EINVAL);
    args.stack_size = 0;
    const long refused = clone_to(s, SYS_clone3, (long)&args, sizeof args, 0, 0);
    CHECK(refused == -EINVAL || refused == -ENOSYS);
    CHECK(clone_to(s, SYS_clone3, 0, sizeof args, 0, 0) < 0);
    feature_work();
  }
  return feature_pass();
}
