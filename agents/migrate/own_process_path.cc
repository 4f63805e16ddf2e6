// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <string>
#include <vector>

#include "agents/migrate/marshalled_call.h"

namespace starling::migrate {
namespace {

// Without empty parts and ".", with ".." taken back where something stands before it. Symbolic
// links may make that wrong, and then at worst a process goes home, or reads of its deputy.
std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else {
      parts.push_back(part);
    }
  }
  return parts;
}

}  // namespace

bool shows_own_process(std::string_view path, pid_t pid) {
  const bool absolute = path.starts_with('/');
  const auto parts = parts_of(path);
  const std::string number = std::to_string(pid);
  const auto own = [&](std::string_view part) {
    return part == "self" || part == "thread-self" || part == number;
  };
  // Below a "proc" anywhere; and at the head of a relative path, which may start from /proc.
  std::size_t at = 0;
  while (at < parts.size() && parts[at] == "..") ++at;
  if (absolute || at == parts.size() || !own(parts[at])) {
    for (at = 1; at < parts.size(); ++at) {
      if (parts[at - 1] == "proc" && own(parts[at])) break;
    }
    if (at >= parts.size()) return false;
  }
  // What home keeps for the process is right in the deputy.
  if (at + 1 >= parts.size()) return true;
  const std::string_view what = parts[at + 1];
  if (what == "fd") return parts.size() > at + 3;
  return what != "exe" && what != "mounts" && what != "mountinfo" && what != "cgroup" &&
         what != "comm";
}

}  // namespace starling::migrate
