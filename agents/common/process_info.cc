// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/process_info.h"

#include <unistd.h>

#include <array>
#include <charconv>

#include "agents/common/small_file.h"

namespace starling {

template <class Number>
static bool to_number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

static std::optional<uid_t> real_uid(std::string_view status) {
  static constexpr std::string_view kKey = "\nUid:\t";
  // Behind the name, whose newlines the kernel escapes.
  std::size_t at = status.find(kKey);
  if (at == std::string_view::npos) return std::nullopt;
  at += kKey.size();
  uid_t uid = 0;
  if (!to_number(status.substr(at, status.find_first_of("\t\n", at) - at), uid)) {
    return std::nullopt;
  }
  return uid;
}

std::optional<ProcessInfo> parse_process(std::string_view stat, std::string_view status) {
  const std::size_t open = stat.find('(');
  const std::size_t close = stat.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return std::nullopt;
  }
  ProcessInfo info;
  info.comm = std::string(stat.substr(open + 1, close - open - 1));
  // Fields 3 (state) to 24 (rss) of proc_pid_stat(5).
  std::array<std::string_view, 22> fields;
  std::string_view rest = stat.substr(close + 1);
  for (std::string_view& field : fields) {
    const std::size_t begin = rest.find_first_not_of(' ');
    if (begin == std::string_view::npos) return std::nullopt;
    const std::size_t end = std::min(rest.find_first_of(" \n", begin), rest.size());
    field = rest.substr(begin, end - begin);
    rest.remove_prefix(end);
  }
  const auto field = [&](int number) { return fields[static_cast<std::size_t>(number - 3)]; };
  std::uint64_t user = 0, system = 0, pages = 0;
  unsigned flags = 0;
  const auto uid = real_uid(status);
  if (!uid || field(3).size() != 1 || open < 1 ||
      !to_number(stat.substr(0, stat.find(' ')), info.pid) || !to_number(field(4), info.parent) ||
      !to_number(field(9), flags) || !to_number(field(14), user) || !to_number(field(15), system) ||
      !to_number(field(22), info.started) || !to_number(field(24), pages)) {
    return std::nullopt;
  }
  static constexpr unsigned kPfKthread = 0x00200000;  // include/linux/sched.h
  info.uid = *uid;
  info.state = field(3)[0];
  info.kernel_thread = (flags & kPfKthread) != 0;
  info.cpu_ticks = user + system;
  info.resident = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return info;
}

std::optional<ProcessInfo> read_process(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  const std::string dir = "/proc/" + std::to_string(pid);
  const auto stat = read_small_file(dir + "/stat", 4096);
  const auto status = read_small_file(dir + "/status", 8192);
  return stat && status ? parse_process(*stat, *status) : std::nullopt;
}

}  // namespace starling
