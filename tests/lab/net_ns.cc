// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/net_ns.h"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "agents/common/fail.h"

extern char** environ;

namespace starling::lab {

void run(const std::vector<std::string>& command) {
  std::vector<char*> argv;
  std::string text;
  for (const std::string& word : command) {
    argv.push_back(const_cast<char*>(word.c_str()));
    text += (text.empty() ? "" : " ") + word;
  }
  argv.push_back(nullptr);
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) fail_errno("pipe");
  UniqueFd in(pipe_fds[0]);
  UniqueFd out(pipe_fds[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, out.get(), 2);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error(error, std::generic_category(), command[0]);
  out.reset();
  std::string output;
  char buffer[1024];
  ssize_t n;
  while ((n = ::read(in.get(), buffer, sizeof buffer)) > 0) {
    output.append(buffer, static_cast<std::size_t>(n));
  }
  int status = 0;
  waitpid(pid, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw std::runtime_error(text + ": " + output);
  }
}

static std::string unique_name(const std::string& hint) {
  static std::atomic<int> count{0};
  return "stl" + std::to_string(getpid()) + "-" + std::to_string(count++) + "-" + hint;
}

NetNs::NetNs(const std::string& hint) : name_(unique_name(hint)) {
  run({"ip", "netns", "add", name_});
  fd_.reset(::open(("/run/netns/" + name_).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd_) fail_errno(name_);
  ip({"link", "set", "lo", "up"});
}

NetNs::~NetNs() {
  try {
    run({"ip", "netns", "del", name_});
  } catch (const std::exception&) {
    // Nothing a destructor could do about it; the name shows what was left.
  }
}

void NetNs::ip(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"ip", "-n", name_});
  run(arguments);
}

void NetNs::inside(const std::function<void()>& function) const {
  std::exception_ptr thrown;
  std::thread([&] {
    try {
      if (setns(fd_.get(), CLONE_NEWNET) != 0) fail_errno(name_);
      function();
    } catch (...) {
      thrown = std::current_exception();
    }
  }).join();
  if (thrown) std::rethrow_exception(thrown);
}

void NetNs::sysctl(const std::string& key, const std::string& value) const {
  // /proc/sys/net shows the namespace of the thread that opens it.
  inside([&] {
    std::ofstream file("/proc/sys/" + key);
    file << value << std::flush;
    if (!file) throw std::runtime_error("sysctl " + key);
  });
}

void connect(const NetNs& a, const std::string& name_a, const NetNs& b, const std::string& name_b) {
  a.ip({"link", "add", name_a, "type", "veth", "peer", "name", name_b, "netns", b.name()});
  a.ip({"link", "set", name_a, "up"});
  b.ip({"link", "set", name_b, "up"});
}

}  // namespace starling::lab
