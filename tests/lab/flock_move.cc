// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/flock_move.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "agents/common/control_client.h"
#include "agents/common/fail.h"

namespace starling::lab {

using nlohmann::json;

FlockMove::~FlockMove() {
  for (const pid_t pid : running_) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
}

std::vector<std::string> FlockMove::program(int rounds) {
  return {"perl", "-e",
          "my $s = 7; for my $i (1..400) { for (1.." + std::to_string(rounds) +
              ") { $s = ($s * 31 + $i) % 1000003 } print \"$i $s\\n\" }"};
}

std::vector<std::string> FlockMove::counter() {
  return {"perl", "-e",
          "$| = 1; my $i = 0; until (-e '" + (node(0).dir() / "enough").string() +
              "') { $i++; print \"$i\\n\"; select(undef, undef, undef, 0.005); } exit 0"};
}

void FlockMove::enough() {
  std::ofstream(node(0).dir() / "enough") << "enough\n";
}

pid_t FlockMove::start_program(const std::vector<std::string>& command, const std::string& out) {
  const auto path = node(0).dir() / out;
  const pid_t pid = ::fork();
  if (pid < 0) fail_errno("fork");
  if (pid > 0) {
    running_.push_back(pid);
    return pid;
  }
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
  ::dup2(fd, 1);
  std::vector<char*> argv;
  for (const auto& a : command) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

int FlockMove::end_of(pid_t pid) {
  int status = 0;
  for (int i = 0; i < 1200; ++i) {
    if (::waitpid(pid, &status, WNOHANG) == pid) {
      std::erase(running_, pid);
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    ::usleep(100'000);
  }
  ADD_FAILURE() << "the program did not end";
  return -1;
}

bool FlockMove::ended(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == pid;
}

json FlockMove::migrate(pid_t pid, const json& target) {
  // Longer than the daemon waits for a helper.
  return ControlClient(node(0).socket(), 40'000)
      .ask({{"cmd", "migrate"}, {"pid", pid}, {"node", target}});
}

int FlockMove::where(pid_t pid) {
  const json answer = node(0).ask({{"cmd", "where"}, {"pid", pid}});
  return answer.value("node", -1);
}

std::string FlockMove::output(const std::string& name) {
  std::ifstream in(node(0).dir() / name);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

int FlockMove::counted(const std::string& name) {
  std::istringstream lines(output(name));
  int count = 0, value = 0;
  while (lines >> value)
    if (value != ++count) return -1;
  return count;
}

bool FlockMove::goes_on(const std::string& name, TimeNs patience) {
  const int before = counted(name);
  return before >= 0 && until(patience, [&] { return counted(name) > before + 2; }) >= 0;
}

}  // namespace starling::lab
