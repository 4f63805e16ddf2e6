// SPDX-License-Identifier: GPL-2.0-or-later
// Real daemons, real helpers, real processes: a flock of three moves programs around by what users
// type, and their output is what it would be without.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "agents/common/fail.h"
#include "tests/lab/lab.h"

namespace starling::lab {
namespace {

using nlohmann::json;

// Prints numbers it computes one after the other; the more `rounds` the more
// work lies between them.
std::vector<std::string> program(int rounds) {
  return {"perl", "-e",
          "my $s = 7; for my $i (1..400) { for (1.." + std::to_string(rounds) +
              ") { $s = ($s * 31 + $i) % 1000003 } print \"$i $s\\n\" }"};
}

constexpr int kShort = 20'000, kLong = 100'000;

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

class FlockMove : public Lab {
 protected:
  // Starts a command with its output in a file of node 0's directory.
  pid_t start_program(const std::vector<std::string>& command, const std::string& out) {
    const auto path = node(0).dir() / out;
    const pid_t pid = ::fork();
    if (pid < 0) fail_errno("fork");
    if (pid > 0) return pid;
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
    ::dup2(fd, 1);
    std::vector<char*> argv;
    for (const auto& a : command) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  int end_of(pid_t pid) {
    int status = 0;
    for (int i = 0; i < 1200; ++i) {
      if (::waitpid(pid, &status, WNOHANG) == pid)
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      ::usleep(100'000);
    }
    ::kill(pid, SIGKILL);
    ::waitpid(pid, &status, 0);
    ADD_FAILURE() << "the program did not end";
    return -1;
  }
  json migrate(pid_t pid, const json& target) {
    return node(0).ask({{"cmd", "migrate"}, {"pid", pid}, {"node", target}});
  }
  int where(pid_t pid) {
    const json answer = node(0).ask({{"cmd", "where"}, {"pid", pid}});
    return answer.value("node", -1);
  }
};

TEST_F(FlockMove, AProgramGoesRoundTheFlockAndHome) {
  grow(3);
  const int home = node(0).number(), second = node(1).number(), third = node(2).number();
  ASSERT_TRUE(home > 0 && second > 0 && third > 0);
  const pid_t native = start_program(program(kLong), "native");
  ASSERT_EQ(end_of(native), 0);

  const pid_t pid = start_program(program(kLong), "moved");
  ::usleep(50'000);
  int moves = 0;
  for (const json& target : {json(second), json(third), json("home"), json(third)}) {
    const json answer = migrate(pid, target);
    if (::kill(pid, 0) != 0) break;
    EXPECT_TRUE(answer.value("ok", false)) << answer;
    if (answer.value("ok", false)) ++moves;
    EXPECT_EQ(where(pid), target.is_number() ? target.get<int>() : home);
    ::usleep(50'000);
  }
  EXPECT_GE(moves, 2);
  EXPECT_EQ(end_of(pid), 0);
  EXPECT_EQ(slurp(node(0).dir() / "moved"), slurp(node(0).dir() / "native"));
}

TEST_F(FlockMove, ManyAtOnceAllEndWell) {
  grow(3);
  const pid_t native = start_program(program(kShort), "native");
  ASSERT_EQ(end_of(native), 0);
  std::vector<pid_t> pids;
  for (int i = 0; i < 6; ++i)
    pids.push_back(start_program(program(kShort), "moved" + std::to_string(i)));
  ::usleep(100'000);
  for (std::size_t i = 0; i < pids.size(); ++i)
    migrate(pids[i], i % 2 ? node(1).number() : node(2).number());
  for (std::size_t i = 0; i < pids.size(); ++i) {
    EXPECT_EQ(end_of(pids[i]), 0);
    EXPECT_EQ(slurp(node(0).dir() / ("moved" + std::to_string(i))),
              slurp(node(0).dir() / "native"));
  }
}

TEST_F(FlockMove, TheEndOfAGuestsDaemonDoesNotEndItsGuests) {
  grow(2);
  const pid_t pid = start_program(program(kShort), "moved");
  ::usleep(50'000);
  const json answer = migrate(pid, node(1).number());
  ASSERT_TRUE(answer.value("ok", false)) << answer;
  node(1).kill();
  EXPECT_EQ(end_of(pid), 0);
}

TEST_F(FlockMove, ACutCableEndsTheProcessOnceAndForAll) {
  grow(2);
  const pid_t pid = start_program(
      {"perl", "-e", "$| = 1; my $i = 0; while (1) { $i++; print \"$i\\n\"; for (1..20000) {} }"},
      "moved");
  ::usleep(50'000);
  const json answer = migrate(pid, node(1).number());
  ASSERT_TRUE(answer.value("ok", false)) << answer;
  ::usleep(200'000);
  move_to_segment(1, 1);
  EXPECT_EQ(end_of(pid), 128 + SIGKILL);
  std::istringstream lines(slurp(node(0).dir() / "moved"));
  int expected = 0, value = 0;
  while (lines >> value) ASSERT_EQ(value, ++expected);
  EXPECT_GT(expected, 0);
}

}  // namespace
}  // namespace starling::lab
