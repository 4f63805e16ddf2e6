// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/syscall_doc.h"

#include <cstdio>
#include <map>

#include "agents/migrate/syscall_table.h"

namespace starling::migrate {
namespace {

std::string hex(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, value < 10 ? "%llu" : "0x%llx",
                static_cast<unsigned long long>(value));
  return text;
}

std::string describe(const Condition& condition) {
  using enum Condition::Test;
  const std::string arg = "arg" + std::to_string(condition.arg);
  const bool whole = condition.mask == ~0ULL || condition.mask == 0xffffffff;
  const std::string masked = whole ? arg : arg + " & " + hex(condition.mask);
  switch (condition.test) {
    case always:
      return {};
    case equal:
      return masked + " = " + hex(condition.value);
    case differs:
      return masked + " ≠ " + hex(condition.value);
    case below:
      return masked + " < " + hex(condition.value);
    case own_pid:
      return arg + " is its own pid";
    case own_tid:
      return arg + " is its own tid";
    case no_shared_memory:
      return "no shared memory";
  }
  return {};
}

std::string describe(const Case& c) {
  std::string text;
  for (const Condition& condition : c.when) {
    const std::string one = describe(condition);
    if (!one.empty()) text += (text.empty() ? "" : ", ") + one;
  }
  return text;
}

// "size" bytes, or how many that argument tells.
std::string size_of(const Arg& arg) {
  std::string text;
  if (arg.extra != 0) text += std::to_string(arg.extra) + " + ";
  if (arg.count < 0) return text + std::to_string(arg.size);
  if (arg.size > 1) text += std::to_string(arg.size) + " × ";
  return text + "arg" + std::to_string(arg.count);
}

std::string describe(const Arg& arg) {
  switch (arg.kind) {
    case ArgKind::none:
      return {};
    case ArgKind::string:
      return "string";
    case ArgKind::path:
      return "path";
    case ArgKind::open_path:
      return "path, not its own in /proc";
    case ArgKind::in:
      return "in " + size_of(arg);
    case ArgKind::out:
      return "out " + size_of(arg);
    case ArgKind::inout:
      return "in and out " + size_of(arg);
    case ArgKind::out_result:
      return "out at most " + size_of(arg) + ", as the result says";
    case ArgKind::value_result:
      return "out, as the length at arg" + std::to_string(arg.count) + " says";
    case ArgKind::length:
      return "length in and out";
    case ArgKind::iov_in:
      return "iovec in × arg" + std::to_string(arg.count);
    case ArgKind::iov_out:
      return "iovec out × arg" + std::to_string(arg.count);
    case ArgKind::msg_in:
      return "msghdr in";
    case ArgKind::msg_out:
      return "msghdr out";
    case ArgKind::mmsg_in:
      return "mmsghdr in × arg" + std::to_string(arg.count);
    case ArgKind::mmsg_out:
      return "mmsghdr out × arg" + std::to_string(arg.count);
    case ArgKind::fd_set:
      return "fd_set";
    case ArgKind::pollfds:
      return "pollfd × arg" + std::to_string(arg.count);
    case ArgKind::mask_pair:
      return "signal mask: must be none";
    case ArgKind::remainder:
      return "out " + size_of(arg) + " when interrupted";
    case ArgKind::time_left:
      return "time in and out " + size_of(arg);
    case ArgKind::sigevent:
      return "sigevent, not SIGEV_THREAD_ID";
    case ArgKind::thread_args:
      return "clone_args of a thread";
  }
  return {};
}

std::string describe(const Behaviour& behaviour) {
  std::string text;
  for (std::size_t i = 0; i < behaviour.args.size(); ++i) {
    const std::string one = describe(behaviour.args[i]);
    if (one.empty()) continue;
    text += (text.empty() ? "" : "; ") + std::to_string(i) + ": " + one;
  }
  if (behaviour.may_block) text += text.empty() ? "may wait" : "; may wait";
  return text;
}

std::string row(const std::string& nr, const std::string& name, const std::string& when,
                const Behaviour& behaviour) {
  return "| " + nr + " | " + name + " | " + when + " | " + std::string(to_string(behaviour.where)) +
         " | " + describe(behaviour) + " | " + std::string(behaviour.why) + " |\n";
}

}  // namespace

std::string syscall_document() {
  std::string text =
      "# System calls of a moved process\n\n"
      "Written by `starling-syscall-doc` from agents/migrate/syscall_table.cc: change that, not "
      "this.\n\n"
      "Where the kernel runs each system call of x86-64 that a process makes while it is away "
      "from\n"
      "home. Calls that are not listed go home. docs/MIGRATION.md says how.\n\n"
      "| class | the call runs |\n|---|---|\n"
      "| local | in the body, by the guest's kernel |\n"
      "| forwarded | in the deputy, by home's kernel; arguments are copied to the same addresses "
      "|\n"
      "| emulated | not as it is: the guest's agent answers, or prepares it |\n"
      "| both | in the deputy, then in the body |\n"
      "| home | at home: the whole process comes home first |\n"
      "| thread exit, process exit | on both sides |\n\n";
  std::map<std::string_view, int> calls;
  for (const SyscallRule& rule : syscall_table()) ++calls[to_string(rule.otherwise.where)];
  text += "Calls by their class, arguments aside:";
  const char* comma = " ";
  for (const auto& [where, n] : calls) {
    text += comma + std::to_string(n) + " " + std::string(where);
    comma = ", ";
  }
  text +=
      ".\n\nWhere the class depends on arguments, the first line that holds counts. Sizes are in "
      "bytes.\n\n"
      "| nr | call | when | class | arguments | why |\n|---|---|---|---|---|---|\n";
  for (const SyscallRule& rule : syscall_table()) {
    const std::string nr = std::to_string(rule.nr);
    const std::string name(rule.name);
    for (const Case& c : rule.cases) text += row(nr, name, describe(c), c.then);
    text += row(nr, name, rule.cases.empty() ? "" : "otherwise", rule.otherwise);
  }
  return text;
}

}  // namespace starling::migrate
