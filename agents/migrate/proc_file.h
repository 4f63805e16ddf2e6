// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starling::migrate {

// The whole text of /proc/PID/NAME. Throws std::system_error (ENOENT, ESRCH: the process is gone).
std::string read_proc(pid_t pid, const std::string& name);
// The value of "Key:\tvalue" in /proc/PID/status; empty when there is no such line.
std::string_view status_field(std::string_view status, std::string_view key);
// The same as a number; hexadecimal for masks.
std::uint64_t status_number(std::string_view status, std::string_view key, int base = 10);
// Threads of the process, sorted.
std::vector<pid_t> read_tasks(pid_t pid);
// Fields of /proc/PID/stat from field 3 (state) on, so that field n of proc_pid_stat(5) is [n - 3].
std::vector<std::string> read_stat(pid_t pid);

}  // namespace starling::migrate
