// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/proc_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <sstream>

#include "agents/common/fail.h"
#include "agents/common/unique_fd.h"

namespace starling::migrate {

std::string read_proc(pid_t pid, const std::string& name) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) fail_errno(path);
  std::string text;
  std::size_t used = 0;
  while (true) {
    if (text.size() - used < 32 * 1024) text.resize(text.size() + 64 * 1024);
    const ssize_t n = ::read(fd.get(), text.data() + used, text.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(path);
    if (n == 0) break;
    used += static_cast<std::size_t>(n);
  }
  text.resize(used);
  return text;
}

std::string_view status_field(std::string_view status, std::string_view key) {
  while (!status.empty()) {
    const auto end = status.find('\n');
    auto line = status.substr(0, end);
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ':') {
      line.remove_prefix(key.size() + 1);
      while (!line.empty() && (line.front() == '\t' || line.front() == ' ')) line.remove_prefix(1);
      return line;
    }
    if (end == std::string_view::npos) break;
    status.remove_prefix(end + 1);
  }
  return {};
}

std::uint64_t status_number(std::string_view status, std::string_view key, int base) {
  const auto text = status_field(status, key);
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

std::vector<pid_t> read_tasks(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/task";
  const auto close = [](DIR* d) { ::closedir(d); };
  const std::unique_ptr<DIR, decltype(close)> dir(::opendir(path.c_str()), close);
  if (!dir) fail_errno(path);
  std::vector<pid_t> tasks;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    pid_t tid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), tid).ec == std::errc())
      tasks.push_back(tid);
  }
  std::sort(tasks.begin(), tasks.end());
  return tasks;
}

std::vector<std::string> read_stat(pid_t pid) {
  const std::string text = read_proc(pid, "stat");
  const auto after_name = text.rfind(')');  // the name may hold anything, ')' as well
  std::istringstream in(text.substr(after_name == std::string::npos ? 0 : after_name + 1));
  std::vector<std::string> fields;
  for (std::string field; in >> field;) fields.push_back(field);
  return fields;
}

}  // namespace starling::migrate
