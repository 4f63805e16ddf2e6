// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace starling::migrate {

using CallArgs = std::array<std::uint64_t, 6>;

// Where a system call of a moved process runs. docs/SYSCALLS.md has the whole table.
enum class CallClass : std::uint8_t {
  local,         // in the body, by the guest's kernel; as a seccomp reply: FLAG_CONTINUE
  forwarded,     // in the deputy, by home's kernel
  emulated,      // the guest's agent makes the answer, or prepares it and lets the call run
  both,          // in the deputy first and, when that succeeded, in the body too: new threads
  home,          // the process comes home first and makes the call there
  thread_exit,   // exit(2): home learns it, the thread ends on both sides
  process_exit,  // exit_group(2)
};

// What an argument is, as seen by who copies it for a call in the deputy.
enum class ArgKind : std::uint8_t {
  none,          // not an argument, or a plain value
  string,        // in: up to and with the NUL, at most `size` bytes
  path,          // in: the same, a path whose file is looked at or changed by name
  open_path,     // in: the same, a path whose contents are opened; below /proc/self it goes home
  in,            // `size` bytes, times argument `count` when there is one
  out,           // the same; written when the result is at least `min_result`
  inout,         // the same, sent and brought back: the kernel may write a part of it
  out_result,    // room as `out`; result * size + extra bytes are written
  value_result,  // room is the u32 that argument `count` points at, at most `size`; so is what is
                 // written
  length,        // in and out: the u32 of a value_result
  iov_in,        // `count` iovecs, read by the kernel
  iov_out,       // `count` iovecs, filled in order with the result's bytes
  msg_in,        // struct msghdr to send
  msg_out,       // struct msghdr to receive into
  mmsg_in,       // `count` struct mmsghdr to send
  mmsg_out,      // `count` struct mmsghdr to receive into
  fd_set,        // in and out: bits for `count` descriptors
  pollfds,       // in and out: `count` struct pollfd
  mask_pair,     // pselect6: {const sigset_t*, size}; a set that is there goes home
  remainder,     // out, `size` bytes: written only when the call was interrupted
  time_left,     // in and out, `size` bytes: written whatever the result is
  sigevent,      // in: struct sigevent; SIGEV_THREAD_ID goes home
  thread_args,   // struct clone_args of `count` bytes, looked at only; not a thread's: goes home
};

struct Arg {
  ArgKind kind = ArgKind::none;
  std::uint16_t size = 0;  // bytes of it, or of each element
  std::int8_t count = -1;  // the argument that holds how many; -1: one
  std::int8_t min_result = 0;
  std::uint8_t extra = 0;     // bytes before the elements (out_result)
  bool count_is_int = false;  // the kernel takes the count as a 32-bit int; negative: it refuses
};

// One test on an argument. All of a Case must hold.
struct Condition {
  enum class Test : std::uint8_t {
    always,            // nothing is asked
    equal,             // (argument & mask) == value
    differs,           // (argument & mask) != value
    below,             // (argument & mask) < value, unsigned; mask and value within 32 bits
    own_pid,           // the low 32 bits are the process's pid
    own_tid,           // the low 32 bits are the calling thread's tid
    no_shared_memory,  // the process maps nothing shared (CallContext)
  };
  Test test = Test::always;
  std::uint8_t arg = 0;
  std::uint64_t mask = ~0ULL;
  std::uint64_t value = 0;
};

struct Behaviour {
  CallClass where = CallClass::home;
  std::array<Arg, 6> args{};  // told for forwarded and both only
  bool may_block = false;     // may wait without bound for something to happen
  std::string_view why;       // one sentence for people
};

struct Case {
  std::array<Condition, 3> when{};
  Behaviour then;
};

struct SyscallRule {
  int nr = -1;
  std::string_view name;
  Behaviour otherwise;          // when no case holds
  std::span<const Case> cases;  // the first that holds counts
};

// What a class may depend on beside the arguments.
struct CallContext {
  pid_t pid = 0;              // as the process sees itself, which is also its number at home
  pid_t tid = 0;              // of the calling thread, likewise
  bool shared_memory = true;  // the process maps something shared: its futexes may be others' too
};

// All calls of x86-64 by number, gaps left out.
std::span<const SyscallRule> syscall_table();
// The rule of any number; one named "unknown", which goes home, for those not in the table. Lives
// for ever.
const SyscallRule& syscall_rule(std::int64_t nr);
// The behaviour of one call; lives for ever. `arch` is AUDIT_ARCH_*, as in struct seccomp_data: all
// but x86-64 proper (32-bit calls, x32) goes home.
const Behaviour& classify(std::uint32_t arch, std::int64_t nr, const CallArgs& args,
                          const CallContext& context);

bool holds(const Condition& condition, const CallArgs& args, const CallContext& context);
std::string_view to_string(CallClass where);

}  // namespace starling::migrate
