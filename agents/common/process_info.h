// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace starling {

// A process as /proc tells of it; proc(5).
struct ProcessInfo {
  pid_t pid = 0;
  pid_t parent = 0;
  uid_t uid = static_cast<uid_t>(-1);  // real
  char state = '?';
  bool kernel_thread = false;
  std::uint64_t cpu_ticks = 0;  // user and system, in clock ticks
  std::uint64_t started = 0;   // clock ticks since boot; with the pid it names one process for ever
  std::uint64_t resident = 0;  // bytes
  std::string comm;
};

// From the text of /proc/PID/stat and of /proc/PID/status. The name may hold any bytes, brackets
// and newlines too. nullopt when either text is damaged.
std::optional<ProcessInfo> parse_process(std::string_view stat, std::string_view status);

// nullopt when there is no such process.
std::optional<ProcessInfo> read_process(pid_t pid);

}  // namespace starling
