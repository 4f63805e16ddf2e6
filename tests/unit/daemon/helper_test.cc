// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/helper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agents/common/small_file.h"
#include "agents/daemon/helper_spawn.h"
#include "agents/daemon/stay_reason.h"
#include "tests/unit/temp_dir.h"

namespace starling::daemon {
namespace {

using nlohmann::json;

// Programs are shell scripts: what the daemon's end does is all that is looked at.
struct Watcher : Helper::Observer {
  void on_event(Helper&, const std::string& name, const json&) override { events.push_back(name); }
  void on_end(Helper&, const std::string& how) override { ended = how; }
  std::vector<std::string> events;
  std::string ended;
};

class HelperTest : public testing::Test {
 protected:
  // Descriptor 3 is the line to the daemon.
  std::unique_ptr<Helper> start(const std::string& script) {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const UniqueFd its(ends[1]);
    Spawned child = spawn_helper({"/bin/sh", {"-c", script}, {its.get()}, -1, {"WORD=given"}});
    return std::make_unique<Helper>(loop, Helper::Role::kBody, child.pid, std::move(child.pidfd),
                                    UniqueFd(ends[0]), watcher);
  }
  void turn_until(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) loop.run_once(20);
    EXPECT_TRUE(condition());
  }

  EventLoop loop;
  Watcher watcher;
};

TEST_F(HelperTest, AsksAndHears) {
  const auto helper = start(
      "read line <&3; echo '{\"event\":\"where\",\"node\":2}' >&3;"
      "echo '{\"reply\":\"go\",\"ok\":true,\"x\":5}' >&3; read line <&3;"
      "echo '{\"reply\":\"home\",\"ok\":false,\"error\":\"no\"}' >&3; read line <&3");
  std::vector<Helper::Answer> answers;
  const auto keep = [&](const Helper::Answer& a) { answers.push_back(a); };
  helper->ask({{"do", "go"}}, 10 * kSecond, keep);
  EXPECT_TRUE(helper->busy_with("go"));
  EXPECT_FALSE(helper->busy_with("home"));
  helper->ask({{"do", "home"}}, 10 * kSecond, keep);
  turn_until([&] { return answers.size() == 2; });
  EXPECT_TRUE(answers[0].ok);
  EXPECT_EQ(answers[0].all.at("x"), 5);
  EXPECT_FALSE(answers[1].ok);
  EXPECT_EQ(answers[1].error, "no");
  EXPECT_EQ(watcher.events, std::vector<std::string>{"where"});
  EXPECT_FALSE(helper->ended());
  helper->kill(SIGTERM);
  turn_until([&] { return helper->ended(); });
  EXPECT_EQ(watcher.ended, "killed by SIGTERM");
}

TEST_F(HelperTest, EndAnswersWhatIsDueAndLastWordsCount) {
  const auto helper =
      start("read line <&3; echo '{\"event\":\"end\",\"why\":\"tired\"}' >&3; exit 7");
  std::string error;
  helper->ask({{"do", "go"}}, 10 * kSecond, [&](const Helper::Answer& a) { error = a.error; });
  turn_until([&] { return !watcher.ended.empty(); });
  EXPECT_EQ(watcher.ended, "exit status 7");
  EXPECT_EQ(watcher.events, std::vector<std::string>{"end"});
  EXPECT_NE(error.find("exit status 7"), std::string::npos) << error;
  helper->ask({{"do", "go"}}, kSecond, [&](const Helper::Answer& a) { error = a.error; });
  EXPECT_NE(error.find("stopped listening"), std::string::npos);
}

TEST_F(HelperTest, NonsenseIsSkipped) {
  const auto helper = start(
      "read line <&3; echo nonsense >&3; echo '{\"reply\":\"other\",\"ok\":true}' >&3;"
      "echo '{\"reply\":5}' >&3; echo '{\"event\":{}}' >&3; echo '{\"reply\":\"go\",\"ok\":true}' "
      ">&3");
  bool ok = false;
  helper->ask({{"do", "go"}}, 10 * kSecond, [&](const Helper::Answer& a) { ok = a.ok; });
  turn_until([&] { return ok; });
}

TEST_F(HelperTest, SilenceIsGivenUpAndALateReplyTakesItsPlace) {
  const auto helper = start(
      "read a <&3; read b <&3; echo '{\"reply\":\"stats\",\"ok\":true,\"n\":1}' >&3;"
      "echo '{\"reply\":\"stats\",\"ok\":true,\"n\":2}' >&3; read c <&3");
  std::string error;
  helper->ask({{"do", "stats"}}, kSecond, [&](const Helper::Answer& a) { error = a.error; });
  helper->expire(monotonic_ns());
  EXPECT_EQ(error, "");
  helper->expire(monotonic_ns() + 2 * kSecond);
  EXPECT_NE(error.find("in time"), std::string::npos);
  int n = 0;
  helper->ask({{"do", "stats"}}, 10 * kSecond,
              [&](const Helper::Answer& a) { n = a.all.value("n", 0); });
  turn_until([&] { return n != 0; });
  EXPECT_EQ(n, 2);
  helper->kill(SIGKILL);
}

TEST_F(HelperTest, QueueIsBounded) {
  const auto helper = start("read line <&3; sleep 100");
  int refused = 0;
  for (std::size_t i = 0; i < Helper::kMaxQueue + 5; ++i) {
    helper->ask({{"do", "stats"}}, kSecond, [&](const Helper::Answer&) { ++refused; });
  }
  EXPECT_EQ(refused, 5);
  helper->kill(SIGKILL);
  turn_until([&] { return helper->ended(); });
}

TEST_F(HelperTest, GetsNothingOfTheDaemons) {
  // Held open without close-on-exec, as a library might do it.
  const UniqueFd leak(::open("/dev/null", O_RDONLY));
  const auto helper = start(
      "set -- /proc/self/fd/*; for f; do case $f in */[0123]) ;; *) [ -e $f ] && exit 9;; esac; "
      "done; [ \"$WORD\" = given ] && [ -z \"$HOME\" ] || exit 8; exit 0");
  turn_until([&] { return helper->ended(); });
  EXPECT_EQ(watcher.ended, "exit status 0");
}

TEST(HelperSpawn, MissingProgramIsNamed) {
  try {
    spawn_helper({"/nonexistent/starling-body", {}, {}, -1, {}});
    FAIL();
  } catch (const std::system_error& e) {
    EXPECT_NE(std::string(e.what()).find("/nonexistent/starling-body"), std::string::npos);
  }
  EXPECT_EQ(find_helper("/some/dir", "starling-body"), "/some/dir/starling-body");
  EXPECT_EQ(find_helper("", "starling-no-such"), "/usr/lib/starling/starling-no-such");
}

TEST_F(HelperTest, StayReasonIsWhatTheCheckSays) {
  TempDir dir;
  const auto ask = [&](const std::string& script) {
    const auto program = dir.path() / "starling-deputy";
    write_file_atomically(program, "#!/bin/sh\n" + script + "\n", 0755);
    StayReason::Result result;
    bool told = false;
    StayReason check(loop, program, 4711, [&](const StayReason::Result& r) {
      result = r;
      told = true;
    });
    turn_until([&] { return told; });
    EXPECT_TRUE(check.over());
    return result;
  };
  StayReason::Result r = ask("[ \"$*\" = '--pid 4711 --check --json' ] && echo '{}'");
  EXPECT_TRUE(r.known && r.can_move) << r.why;
  r = ask("echo '{\"why\":\"it maps a card\"}'; exit 1");
  EXPECT_TRUE(r.known && !r.can_move);
  EXPECT_EQ(r.why, "it maps a card");
  for (const char* broken : {"exit 1", "echo nonsense", "echo '{\"why\":5}'; exit 1",
                             "echo '{}'; exit 3", "kill -SEGV $$"}) {
    r = ask(broken);
    EXPECT_FALSE(r.known) << broken;
    EXPECT_NE(r.why, "") << broken;
  }
}

TEST_F(HelperTest, StayReasonThatTakesTooLongIsEnded) {
  TempDir dir;
  const auto program = dir.path() / "starling-deputy";
  write_file_atomically(program, "#!/bin/sh\nexec sleep 1000\n", 0755);
  std::string why;
  StayReason check(loop, program, 4711, [&](const StayReason::Result& r) { why = r.why; });
  check.expire(monotonic_ns());
  EXPECT_FALSE(check.over());
  check.expire(monotonic_ns() + StayReason::kPatience + kSecond);
  turn_until([&] { return check.over(); });
  EXPECT_NE(why.find("SIGKILL"), std::string::npos) << why;
}

}  // namespace
}  // namespace starling::daemon
