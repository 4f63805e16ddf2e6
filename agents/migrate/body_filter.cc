// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/body_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>

namespace starling::migrate {
namespace {

constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t kNotify = SECCOMP_RET_USER_NOTIF;
constexpr std::uint32_t kX32 = 0x40000000;  // __X32_SYSCALL_BIT and all that is no number of ours

// The frequent calls, most frequent first; the others follow by number.
constexpr int kHot[] = {
    202 /* futex */, 28 /* madvise */, 24 /* sched_yield */, 228 /* clock_gettime */,
    12 /* brk */,    9 /* mmap */,     11 /* munmap */,      10 /* mprotect */};

constexpr std::uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
constexpr std::uint16_t kEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr std::uint16_t kAtLeast = BPF_JMP | BPF_JGE | BPF_K;
constexpr std::uint16_t kReturn = BPF_RET | BPF_K;

constexpr std::uint32_t kNr = offsetof(seccomp_data, nr);
constexpr std::uint32_t kArch = offsetof(seccomp_data, arch);
constexpr std::uint32_t kIp = offsetof(seccomp_data, instruction_pointer);
constexpr std::uint32_t low_of_arg(std::uint8_t arg) {
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args)) + arg * 8U;
}

using Program = std::vector<sock_filter>;

void emit(Program& program, std::uint16_t code, std::uint32_t k) {
  program.push_back({code, 0, 0, k});
}

// Runs `body` only if the accumulator compares to k by `code` (or does not, when `negated`);
// otherwise goes on behind it. Conditional jumps reach 255 instructions, so a plain one helps.
void guard(Program& program, std::uint16_t code, std::uint32_t k, bool negated,
           const Program& body) {
  program.push_back({code, static_cast<std::uint8_t>(negated ? 0 : 1),
                     static_cast<std::uint8_t>(negated ? 1 : 0), k});
  emit(program, BPF_JMP | BPF_JA, static_cast<std::uint32_t>(body.size()));
  program.insert(program.end(), body.begin(), body.end());
}

// A jump to the tail, which lies behind all decisions; body_filter() fills in how far that is.
constexpr std::uint32_t kToTail = ~0U;
Program to_tail() {
  return {{BPF_JMP | BPF_JA, 0, 0, kToTail}};
}
Program give(std::uint32_t action) {
  return {{kReturn, 0, 0, action}};
}

// `body` behind (word & mask) == value, or its opposite.
Program compare(std::uint32_t at, std::uint32_t mask, std::uint16_t code, std::uint32_t value,
                bool negated, const Program& body) {
  Program program;
  emit(program, kLoad, at);
  if (mask != ~0U) emit(program, BPF_ALU | BPF_AND | BPF_K, mask);
  guard(program, code, value, negated, body);
  return program;
}

// `body` behind the condition. What BPF cannot see is taken to hold: the body must be safe then.
Program behind(const Condition& condition, const FilterOptions& options, const Program& body) {
  using enum Condition::Test;
  const std::uint32_t low = low_of_arg(condition.arg);
  const std::uint32_t high = low + 4;
  const auto mask = static_cast<std::uint32_t>(condition.mask);
  const auto mask_high = static_cast<std::uint32_t>(condition.mask >> 32);
  const auto value = static_cast<std::uint32_t>(condition.value);
  const auto value_high = static_cast<std::uint32_t>(condition.value >> 32);
  switch (condition.test) {
    case always:
    case own_tid:
      return body;
    case equal:
      return compare(
          low, mask, kEqual, value, false,
          mask_high == 0 ? body : compare(high, mask_high, kEqual, value_high, false, body));
    case differs: {
      Program program = compare(low, mask, kEqual, value, true, body);
      if (mask_high != 0) {
        const Program other = compare(high, mask_high, kEqual, value_high, true, body);
        program.insert(program.end(), other.begin(), other.end());
      }
      return program;
    }
    case below:
      return compare(low, mask, kAtLeast, value, true, body);
    case own_pid:
      return compare(low, ~0U, kEqual, static_cast<std::uint32_t>(options.pid), false, body);
    case no_shared_memory:
      return options.shared_memory ? Program{} : body;
  }
  return {};
}

bool local(const Behaviour& behaviour) {
  return behaviour.where == CallClass::local;
}

bool visible(const Case& c) {
  return std::none_of(c.when.begin(), c.when.end(), [](const Condition& condition) {
    return condition.test == Condition::Test::own_tid;
  });
}

bool ever_allowed(const SyscallRule& rule) {
  return local(rule.otherwise) ||
         std::any_of(rule.cases.begin(), rule.cases.end(),
                     [](const Case& c) { return local(c.then) && visible(c); });
}

// What follows when the number is the rule's: allows, or goes to the tail.
Program decision(const SyscallRule& rule, const FilterOptions& options) {
  Program program;
  for (const Case& c : rule.cases) {
    Program body = local(c.then) && visible(c) ? give(kAllow) : to_tail();
    for (auto condition = c.when.rbegin(); condition != c.when.rend(); ++condition) {
      body = behind(*condition, options, body);
    }
    program.insert(program.end(), body.begin(), body.end());
  }
  const Program rest = local(rule.otherwise) ? give(kAllow) : to_tail();
  program.insert(program.end(), rest.begin(), rest.end());
  return program;
}

// Calls of the agent's own code are allowed, all others notify. The instruction pointer is that
// behind the system call instruction.
Program tail(const FilterOptions& options) {
  Program program;
  if (!options.scratch.empty()) {
    const std::uint64_t first = options.scratch.begin.value + 1;
    const std::uint64_t last = options.scratch.end.value;
    if (first >> 32 != (last + 1) >> 32) {
      throw std::invalid_argument("the scratch range of a body crosses a 4 GiB boundary");
    }
    Program allowed;
    if (options.scratch_calls) {
      emit(allowed, kLoad, kNr);
      for (const int nr : *options.scratch_calls) {
        guard(allowed, kEqual, static_cast<std::uint32_t>(nr), false, give(kAllow));
      }
    } else {
      allowed = give(kAllow);
    }
    Program within;
    guard(within, kAtLeast, static_cast<std::uint32_t>(last + 1), true, allowed);
    program =
        compare(kIp + 4, ~0U, kEqual, static_cast<std::uint32_t>(first >> 32), false,
                compare(kIp, ~0U, kAtLeast, static_cast<std::uint32_t>(first), false, within));
  }
  emit(program, kReturn, kNotify);
  return program;
}

}  // namespace

std::vector<sock_filter> body_filter(const FilterOptions& options) {
  Program program;
  emit(program, kLoad, kArch);
  guard(program, kEqual, AUDIT_ARCH_X86_64, true, give(kNotify));
  emit(program, kLoad, kNr);
  guard(program, kAtLeast, kX32, false, give(kNotify));
  const auto decide = [&](const SyscallRule& rule) {
    if (!ever_allowed(rule)) return;
    guard(program, kEqual, static_cast<std::uint32_t>(rule.nr), false, decision(rule, options));
  };
  for (const int nr : kHot) decide(syscall_rule(nr));
  for (const SyscallRule& rule : syscall_table()) {
    if (std::find(std::begin(kHot), std::end(kHot), rule.nr) == std::end(kHot)) decide(rule);
  }
  const std::size_t end = program.size();
  for (std::size_t i = 0; i < end; ++i) {
    sock_filter& jump = program[i];
    if (jump.code == (BPF_JMP | BPF_JA) && jump.k == kToTail) {
      jump.k = static_cast<std::uint32_t>(end - i - 1);
    }
  }
  const Program rest = tail(options);
  program.insert(program.end(), rest.begin(), rest.end());
  if (program.size() > BPF_MAXINSNS) {
    throw std::invalid_argument("the seccomp program of a body is longer than the kernel takes");
  }
  return program;
}

}  // namespace starling::migrate
