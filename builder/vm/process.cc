// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "agents/common/unique_fd.h"
#include "builder/core/error.h"

namespace starling::vm {
namespace {

using builder::Error;

// What went wrong between fork and exec, sent up a close-on-exec pipe.
struct SpawnFailure {
  int error;
  int step;
};
constexpr std::array kSteps = {"starting", "entering the network namespace of",
                               "opening the log of"};

[[noreturn]] void fail_in_child(int pipe_fd, int step) {
  const SpawnFailure failure{errno, step};
  [[maybe_unused]] const auto n = ::write(pipe_fd, &failure, sizeof failure);
  _exit(127);
}

[[noreturn]] void child(const std::vector<char*>& argv, int network_fd, int log_fd, int pipe_fd,
                        pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) _exit(127);  // it died before the line above
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (network_fd >= 0 && ::setns(network_fd, CLONE_NEWNET) != 0) fail_in_child(pipe_fd, 1);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) fail_in_child(pipe_fd, 2);
  ::dup2(null, STDIN_FILENO);
  ::dup2(log_fd >= 0 ? log_fd : null, STDOUT_FILENO);
  ::dup2(log_fd >= 0 ? log_fd : null, STDERR_FILENO);
  ::execvp(argv[0], argv.data());
  fail_in_child(pipe_fd, 0);
}

pid_t spawn(const std::vector<std::string>& argv, int network_fd, int log_fd) {
  std::vector<char*> raw;
  for (const auto& a : argv) raw.push_back(const_cast<char*>(a.c_str()));
  raw.push_back(nullptr);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error("pipe: " + std::string(strerror(errno)));
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw Error("fork: " + std::string(strerror(errno)));
  if (pid == 0) child(raw, network_fd, log_fd, write_end.get(), parent);
  write_end.reset();
  SpawnFailure failure{};
  if (::read(read_end.get(), &failure, sizeof failure) == sizeof failure) {
    ::waitpid(pid, nullptr, 0);
    throw Error(std::string(kSteps.at(static_cast<size_t>(failure.step))) + " " + argv[0] + ": " +
                strerror(failure.error))
        .replay(shell_line(argv));
  }
  return pid;
}

int wait_status_code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Runs to the end and gives status and all output.
std::pair<int, std::string> run_captured(const std::vector<std::string>& argv) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error("pipe: " + std::string(strerror(errno)));
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  const pid_t pid = spawn(argv, -1, write_end.get());
  write_end.reset();
  std::string output;
  std::array<char, 4096> chunk{};
  for (;;) {
    const auto n = ::read(read_end.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    output.append(chunk.data(), static_cast<size_t>(n));
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return {wait_status_code(status), output};
}

}  // namespace

Process::Process(const std::vector<std::string>& argv, const SpawnOptions& options) {
  UniqueFd network, log;
  if (!options.network.empty()) {
    network = UniqueFd(::open(options.network.c_str(), O_RDONLY | O_CLOEXEC));
    if (!network)
      throw Error("no network namespace: " + std::string(strerror(errno)))
          .at_file(options.network);
  }
  if (!options.log.empty()) {
    log = UniqueFd(::open(options.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!log) throw Error("cannot write: " + std::string(strerror(errno))).at_file(options.log);
  }
  pid_ = spawn(argv, network.get(), log.get());
}

Process::~Process() { kill(); }

std::optional<int> Process::ended() {
  int status = 0;
  if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  return status_;
}

bool Process::wait(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!ended()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

void Process::kill() {
  if (ended()) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = status;
}

void run_tool(const std::vector<std::string>& argv) {
  auto [status, output] = run_captured(argv);
  while (!output.empty() && output.back() == '\n') output.pop_back();
  if (status != 0)
    throw Error(argv[0] + " failed with status " + std::to_string(status) + ": " + output)
        .replay(shell_line(argv));
}

int try_tool(const std::vector<std::string>& argv) { return run_captured(argv).first; }

std::string shell_line(const std::vector<std::string>& argv) {
  std::string line;
  for (const auto& a : argv) {
    if (!line.empty()) line += ' ';
    const bool plain =
        !a.empty() && a.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_-+=./:,@%") == std::string::npos;
    if (plain) {
      line += a;
      continue;
    }
    line += '\'';
    for (const char c : a) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

}  // namespace starling::vm
