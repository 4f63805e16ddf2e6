// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/body_cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string>

#include "agents/common/fail.h"
#include "agents/common/small_file.h"
#include "agents/common/unique_fd.h"

namespace starling::migrate {
namespace {

constexpr const char* kPrefix = "guest-";
constexpr std::uint64_t kPage = 4096;

void write_value(const std::filesystem::path& file, const std::string& value) {
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd || ::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
    fail_errno(file);
}

// Groups of helpers that were killed; one with a process in it cannot be removed.
void remove_dead(const std::filesystem::path& base) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(base, ignored)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kPrefix)) continue;
    pid_t helper = 0;
    std::from_chars(name.data() + 6, name.data() + name.size(), helper);
    if (helper > 0 && ::kill(helper, 0) != 0 && errno == ESRCH) ::rmdir(entry.path().c_str());
  }
}

std::uint64_t number_of(const std::string& text, const std::string& name) {
  std::size_t at = text.find(name + " ");
  while (at != std::string::npos && at != 0 && text[at - 1] != '\n')
    at = text.find(name + " ", at + 1);
  if (at == std::string::npos) return 0;
  return std::strtoull(text.c_str() + at + name.size(), nullptr, 10);
}

}  // namespace

BodyCgroup::BodyCgroup(const std::filesystem::path& base, std::uint64_t limit)
    : path_(base / (kPrefix + std::to_string(::getpid()))),
      high_((limit - limit / 8) / kPage * kPage) {
  remove_dead(base);
  write_value(base / "cgroup.subtree_control", "+memory");
  if (::mkdir(path_.c_str(), 0755) != 0 && errno != EEXIST) fail_errno(path_);
  try {
    write_value(path_ / "memory.max", std::to_string(limit));
    write_value(path_ / "memory.high", std::to_string(high_));
    write_value(path_ / "memory.oom.group", "1");
    // Rather home than into this machine's swap. A kernel without swap has no such file.
    if (std::filesystem::exists(path_ / "memory.swap.max"))
      write_value(path_ / "memory.swap.max", "0");
  } catch (...) {
    ::rmdir(path_.c_str());
    throw;
  }
}

BodyCgroup::~BodyCgroup() {
  // A process that was reaped a moment ago may still be on its way out.
  for (int i = 0; i < 50 && ::rmdir(path_.c_str()) != 0 && errno == EBUSY; ++i) ::usleep(2000);
}

void BodyCgroup::add(pid_t body) const {
  write_value(path_ / "cgroup.procs", std::to_string(body));
}

bool BodyCgroup::pressed() const {
  const std::string used = read_small_file(path_ / "memory.current").value_or("");
  return std::strtoull(used.c_str(), nullptr, 10) >= high_ ||
         number_of(read_small_file(path_ / "memory.events").value_or(""), "high") > 0;
}

bool BodyCgroup::killed() const {
  return number_of(read_small_file(path_ / "memory.events").value_or(""), "oom_kill") > 0;
}

}  // namespace starling::migrate
