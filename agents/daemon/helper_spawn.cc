// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/helper_spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <system_error>

#include "agents/common/fail.h"

namespace starling::daemon {

namespace {

constexpr int kFirst = 3;
// Above all that dup2 may overwrite on the way.
constexpr int kParking = 64;

// posix_spawn's two tables, freed again.
struct SpawnPlan {
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  for (const std::string& w : words) out.push_back(const_cast<char*>(w.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

Spawned spawn_helper(const HelperCommand& command) {
  const std::string program = command.program.string();
  SpawnPlan plan;
  posix_spawn_file_actions_addopen(&plan.actions, 0, "/dev/null", O_RDONLY, 0);
  if (command.output >= 0) {
    posix_spawn_file_actions_adddup2(&plan.actions, command.output, 1);
  } else {
    posix_spawn_file_actions_addopen(&plan.actions, 1, "/dev/null", O_WRONLY, 0);
  }
  std::vector<UniqueFd> parked;
  int target = kFirst;
  for (const int fd : command.descriptors) {
    parked.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, kParking));
    if (!parked.back()) fail_errno(program);
    posix_spawn_file_actions_adddup2(&plan.actions, parked.back().get(), target++);
  }
  posix_spawn_file_actions_addclosefrom_np(&plan.actions, target);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&plan.attributes, &none);
  posix_spawnattr_setsigdefault(&plan.attributes, &all);
  // A group of its own: what is sent to the daemon's from a terminal is not meant for helpers.
  posix_spawnattr_setpgroup(&plan.attributes, 0);
  posix_spawnattr_setflags(&plan.attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> words = {program};
  words.insert(words.end(), command.arguments.begin(), command.arguments.end());
  std::vector<std::string> environment = command.environment;
  environment.push_back("PATH=/usr/sbin:/usr/bin:/sbin:/bin");
  Spawned child;
  const int error = posix_spawn(&child.pid, program.c_str(), &plan.actions, &plan.attributes,
                                pointers(words).data(), pointers(environment).data());
  if (error != 0) throw std::system_error(error, std::generic_category(), program);
  child.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0)));
  if (!child.pidfd) {
    const int saved = errno;
    ::kill(child.pid, SIGKILL);
    ::waitpid(child.pid, nullptr, 0);
    errno = saved;
    fail_errno(program);
  }
  return child;
}

std::string reap(const UniqueFd& pidfd) {
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG) != 0 ||
      info.si_pid == 0) {
    return "";
  }
  if (info.si_code == CLD_EXITED) return "exit status " + std::to_string(info.si_status);
  const char* name = ::sigabbrev_np(info.si_status);
  return std::string("killed by ") +
         (name ? std::string("SIG") + name : "signal " + std::to_string(info.si_status));
}

std::filesystem::path find_helper(const std::filesystem::path& dir, const std::string& name) {
  if (!dir.empty()) return dir / name;
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const auto beside = self.parent_path() / name;
  return !self.empty() && std::filesystem::exists(beside, ignored)
             ? beside
             : std::filesystem::path("/usr/lib/starling") / name;
}

}  // namespace starling::daemon
