// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/process_tree.h"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <thread>

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

std::vector<pid_t> all_pids() {
  std::vector<pid_t> pids;
  std::error_code ec;
  for (fs::directory_iterator it("/proc", ec), end; !ec && it != end; it.increment(ec)) {
    const std::string name = it->path().filename();
    if (name.find_first_not_of("0123456789") == std::string::npos) pids.push_back(std::stoi(name));
  }
  return pids;
}

// 0 when the process has gone.
pid_t parent_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(in, line);
  // The command name may hold spaces and parentheses: the fields start after the last ')'.
  const auto close = line.rfind(')');
  if (close == std::string::npos || close + 4 >= line.size()) return 0;
  return std::atoi(line.c_str() + close + 4);  // ") S 123"
}

bool inside(const fs::path& link, const std::string& dir) {
  std::error_code ec;
  const std::string target = fs::read_symlink(link, ec);
  return !ec && target.starts_with(dir) &&
         (target.size() == dir.size() || target[dir.size()] == '/' || target[dir.size()] == ' ');
}

std::vector<pid_t> processes_in(const std::string& dir) {
  std::vector<pid_t> found;
  for (pid_t pid : all_pids()) {
    if (pid == getpid()) continue;
    const fs::path proc = "/proc/" + std::to_string(pid);
    if (inside(proc / "root", dir) || inside(proc / "cwd", dir)) found.push_back(pid);
  }
  return found;
}

}  // namespace

std::vector<pid_t> descendants(pid_t root) {
  std::multimap<pid_t, pid_t> children;
  for (pid_t pid : all_pids()) children.emplace(parent_of(pid), pid);
  std::vector<pid_t> result;
  std::vector<pid_t> open{root};
  std::set<pid_t> seen{root};
  while (!open.empty()) {
    const pid_t pid = open.back();
    open.pop_back();
    auto [a, b] = children.equal_range(pid);
    for (auto it = a; it != b; ++it) {
      if (!seen.insert(it->second).second) continue;
      result.push_back(it->second);
      open.push_back(it->second);
    }
  }
  return result;
}

int end_processes_in(const fs::path& dir) {
  const std::string prefix = dir.lexically_normal().string();
  if (prefix.size() < 2) return 0;  // "/" would be everybody
  auto found = processes_in(prefix);
  const int count = static_cast<int>(found.size());
  for (pid_t pid : found) kill(pid, SIGTERM);
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (!found.empty() && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    found = processes_in(prefix);
  }
  for (pid_t pid : found) kill(pid, SIGKILL);
  for (int i = 0; i < 20 && !found.empty(); ++i) {  // wait for the kernel to let go of the tree
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    found = processes_in(prefix);
  }
  return count;
}

}  // namespace starling::builder
