// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/lab_node.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "agents/common/control_client.h"
#include "agents/common/fail.h"
#include "agents/common/small_file.h"

namespace starling::lab {

LabNode::LabNode(const std::string& name, const std::filesystem::path& dir, const std::string& key,
                 const std::string& flock)
    : name_(name), dir_(dir), flock_(flock), net_(name) {
  std::filesystem::create_directories(dir_ / "state");
  write_file_atomically(dir_ / "flock.key", key + "\n", 0600);
}

LabNode::~LabNode() {
  if (pid_) kill();
}

std::vector<std::string> LabNode::command(const std::vector<std::string>& more_options) const {
  const auto at = [&](const char* file) { return (dir_ / file).string(); };
  std::vector<std::string> words = {STARLINGD,
                                    "--config=/dev/null",
                                    "--flock=" + flock_,
                                    "--key-file=" + at("flock.key"),
                                    "--interfaces=lan*",
                                    "--control-socket=" + at("control.sock"),
                                    "--state-dir=" + at("state"),
                                    "--issue-file=" + at("issue"),
                                    "--hpc-device=" + at("no-hpc"),
                                    "--image-id-file=" + at("image-id"),
                                    "--log-level=debug"};
  // The first value of an option given twice would be an error; the caller's replaces ours.
  for (const std::string& option : more_options) {
    const std::string name = option.substr(0, option.find('=') + 1);
    std::erase_if(words,
                  [&](const std::string& w) { return !name.empty() && w.starts_with(name); });
    words.push_back(option);
  }
  return words;
}

int LabNode::start_second(const std::vector<std::string>& more_options, std::string& out) const {
  std::string line = "timeout 10 ip netns exec " + net_.name();
  for (const std::string& w : command(more_options)) line += " '" + w + "'";
  FILE* pipe = popen((line + " 2>&1").c_str(), "r");
  if (!pipe) fail_errno("popen");
  char buffer[4096];
  std::size_t n;
  while ((n = fread(buffer, 1, sizeof buffer, pipe)) > 0) out.append(buffer, n);
  const int status = pclose(pipe);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void LabNode::start(const std::vector<std::string>& more_options) {
  const std::vector<std::string> words = command(more_options);
  std::vector<char*> argv;
  for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
  argv.push_back(nullptr);
  UniqueFd log_fd(::open(log().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!log_fd) fail_errno(log());
  started_ = monotonic_ns();
  pid_ = fork();
  if (pid_ < 0) fail_errno("fork");
  if (pid_ == 0) {
    // The test may be killed by a timeout: its daemons must not outlive it.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (setns(net_.fd(), CLONE_NEWNET) != 0 || unshare(CLONE_NEWUTS) != 0 ||
        sethostname(name_.c_str(), name_.size()) != 0) {
      _exit(126);
    }
    dup2(log_fd.get(), 2);
    execv(argv[0], argv.data());
    _exit(127);
  }
}

void LabNode::signal(int number) const {
  if (pid_ && ::kill(pid_, number) != 0) fail_errno(name_);
}

int LabNode::wait(TimeNs timeout) {
  const TimeNs deadline = monotonic_ns() + timeout;
  int status = 0;
  while (waitpid(pid_, &status, WNOHANG) == 0) {
    if (monotonic_ns() > deadline) throw std::runtime_error(name_ + " does not end");
    usleep(5000);
  }
  pid_ = 0;
  return status;
}

void LabNode::kill() {
  if (!pid_) return;
  ::kill(pid_, SIGKILL);
  wait();
}

void LabNode::terminate() {
  signal(SIGTERM);
  const int status = wait();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw std::runtime_error(name_ + " ended badly, status " + std::to_string(status));
  }
}

nlohmann::json LabNode::ask(const nlohmann::json& request) const {
  return ControlClient(socket()).ask(request);
}

std::vector<int> LabNode::numbers(const std::string& state) const {
  std::vector<int> out;
  const nlohmann::json answer = ask({{"cmd", "nodes"}, {"all", true}});
  for (const auto& n : answer.at("nodes")) {
    // A suspect is still counted among the living.
    const std::string s = n.at("state");
    if (s == state || (state == "alive" && s == "suspect")) out.push_back(n.at("number"));
  }
  std::sort(out.begin(), out.end());
  return out;
}

int LabNode::number() const {
  try {
    return ask({{"cmd", "status"}}).at("number");
  } catch (const DaemonNotRunning&) {
    return 0;
  }
}

std::uint64_t LabNode::counter(const std::string& group, const std::string& name) const {
  return ask({{"cmd", "status"}}).at("counters").at(group).at(name);
}

}  // namespace starling::lab
