// SPDX-License-Identifier: GPL-2.0-or-later
// What becomes of moved processes when links, daemons and nodes of a flock go away, for a while or
// for good, and when they are told to go.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "agents/common/small_file.h"
#include "tests/lab/fault_trial.h"
#include "tests/lab/flock_move.h"

namespace starling::lab {
namespace {

using nlohmann::json;

// Shorter and longer than a stream waits for its peer (kStreamPatience, 2 s).
constexpr useconds_t kShortCut = 700'000;
constexpr TimeNs kNoticed = 6 * kSecond;

class FlockFaults : public FlockMove {
 protected:
  // A flock of `count` with a counter on the second node.
  pid_t start_away(int count) {
    grow(count);
    if (HasFatalFailure()) return 0;
    const pid_t pid = start_program(counter(), "lines");
    EXPECT_TRUE(goes_on("lines"));
    const json answer = migrate(pid, node(1).number());
    EXPECT_TRUE(answer.value("ok", false)) << answer;
    EXPECT_TRUE(goes_on("lines"));
    return pid;
  }
  json guests(int index) { return node(index).ask({{"cmd", "processes"}}).at("guests"); }
  void expect_end(pid_t pid) {
    EXPECT_TRUE(goes_on("lines"));
    enough();
    EXPECT_EQ(end_of(pid), 0);
    EXPECT_GT(counted("lines"), 0);
    EXPECT_GE(until(5 * kSecond, [&] { return copies_of(pid) == 0; }), 0) << "a copy is left";
  }
  // The process ends as if killed, in time, and nothing of it is left on the guest.
  void expect_lost(pid_t pid) {
    const TimeNs took = until(20 * kSecond, [&] { return ended(pid); });
    expect_within("the end of a process whose guest is lost", took, kNoticed);
    EXPECT_EQ(end_of(pid), 128 + SIGKILL);
    EXPECT_GT(counted("lines"), 0);
    EXPECT_GE(until(10 * kSecond, [&] { return copies_of(pid) == 0; }), 0) << "a copy is left";
    EXPECT_GE(until(10 * kSecond, [&] { return guests(1).empty(); }), 0);
  }
  // Drops what arrives at the guest's node over TCP, or what leaves it.
  void blackhole(const std::string& hook) {
    const std::string ns = node(1).net().name();
    run({"ip", "netns", "exec", ns, "nft", "add", "table", "inet", "hole"});
    run({"ip", "netns", "exec", ns, "nft", "add", "chain", "inet", "hole", "cut",
         "{ type filter hook " + hook + " priority 0; }"});
    run({"ip", "netns", "exec", ns, "nft", "add", "rule", "inet", "hole", "cut", "meta", "l4proto",
         "tcp", "drop"});
  }
  void fill_hole() {
    run({"ip", "netns", "exec", node(1).net().name(), "nft", "delete", "table", "inet", "hole"});
  }
};

TEST_F(FlockFaults, AShortCutIsNotNoticed) {
  const pid_t pid = start_away(2);
  ASSERT_GT(pid, 0);
  for (int i = 0; i < 3; ++i) {
    move_to_segment(1, 1);
    ::usleep(kShortCut);
    move_to_segment(1, 0);
    ASSERT_TRUE(goes_on("lines"));
  }
  EXPECT_EQ(where(pid), node(1).number());
  expect_end(pid);
}

TEST_F(FlockFaults, ALinkThatIsDownForAMomentIsNotNoticed) {
  const pid_t pid = start_away(2);
  ASSERT_GT(pid, 0);
  node(1).net().ip({"link", "set", "lan0", "down"});
  ::usleep(kShortCut);
  node(1).net().ip({"link", "set", "lan0", "up"});
  expect_end(pid);
}

TEST_F(FlockFaults, AHoleOfAMomentIsFilledByRetransmission) {
  const pid_t pid = start_away(2);
  ASSERT_GT(pid, 0);
  for (const char* hook : {"input", "output"}) {
    blackhole(hook);
    ::usleep(kShortCut);
    fill_hole();
    ASSERT_TRUE(goes_on("lines")) << hook;
  }
  EXPECT_EQ(where(pid), node(1).number());
  expect_end(pid);
}

TEST_F(FlockFaults, ACutCableEndsItOnceAndForAll) {
  const pid_t pid = start_away(2);
  ASSERT_GT(pid, 0);
  move_to_segment(1, 1);
  expect_lost(pid);
  move_to_segment(1, 0);
}

TEST_F(FlockFaults, ALinkThatStaysDownEndsIt) {
  const pid_t pid = start_away(2);
  ASSERT_GT(pid, 0);
  node(1).net().ip({"link", "set", "lan0", "down"});
  expect_lost(pid);
}

// Only one direction works: both sides must find out.
TEST_F(FlockFaults, AHoleInOneDirectionEndsIt) {
  const pid_t pid = start_away(2);
  ASSERT_GT(pid, 0);
  blackhole("input");
  expect_lost(pid);
}

TEST_F(FlockFaults, AHoleInTheOtherDirectionEndsIt) {
  const pid_t pid = start_away(2);
  ASSERT_GT(pid, 0);
  blackhole("output");
  expect_lost(pid);
}

// The cut comes while the process is on its way: nothing was tried, or it is lost.
TEST_F(FlockFaults, ACutDuringAMoveLeavesOneCopyOrNone) {
  grow(2);
  if (HasFatalFailure()) return;
  blackhole("output");
  const pid_t pid = start_program(counter(), "lines");
  ASSERT_TRUE(goes_on("lines"));
  EXPECT_FALSE(migrate(pid, node(1).number()).value("ok", true));
  fill_hole();
  expect_end(pid);
}

TEST_F(FlockFaults, AHomeDaemonThatWasKilledFindsItsProcessesAgain) {
  const pid_t pid = start_away(2);
  ASSERT_GT(pid, 0);
  const int second = node(1).number();
  node(0).kill();
  EXPECT_TRUE(goes_on("lines")) << "without the daemon";
  node(0).start();
  ASSERT_GE(until(20 * kSecond, [&] { return where(pid) == second; }), 0);
  std::string said;
  EXPECT_EQ(mosctl(node(0), {"where", std::to_string(pid)}, &said), 0);
  EXPECT_EQ(said,
            "process " + std::to_string(pid) + " is on node " + std::to_string(second) + "\n");
  const json answer = migrate(pid, "home");
  EXPECT_TRUE(answer.value("moved", false)) << answer;
  ASSERT_GE(until(20 * kSecond, [&] { return all_agree(); }), 0);
  // And away once more, by the same helper.
  EXPECT_TRUE(migrate(pid, second).value("moved", false));
  EXPECT_TRUE(migrate(pid, "home").value("moved", false));
  expect_end(pid);
}

TEST_F(FlockFaults, AGuestsDaemonThatWasKilledFindsItsGuestsAgainAndSendsThemHome) {
  const pid_t pid = start_away(2);
  ASSERT_GT(pid, 0);
  node(1).kill();
  EXPECT_TRUE(goes_on("lines")) << "without the daemon";
  node(1).start();
  ASSERT_GE(until(20 * kSecond, [&] { return guests(1).size() == 1; }), 0);
  std::string said;
  EXPECT_EQ(mosctl(node(1), {"expel"}, &said), 0) << said;
  EXPECT_EQ(said, "1 guests were sent home\n");
  EXPECT_TRUE(guests(1).empty());
  expect_end(pid);
}

TEST_F(FlockFaults, ExpelSendsAllHomeAndSaysSoWhenTheyAreGone) {
  grow(2);
  if (HasFatalFailure()) return;
  std::vector<pid_t> pids;
  for (int i = 0; i < 3; ++i) {
    pids.push_back(start_program(counter(), "lines" + std::to_string(i)));
    ASSERT_TRUE(goes_on("lines" + std::to_string(i)));
    ASSERT_TRUE(migrate(pids.back(), node(1).number()).value("ok", false));
  }
  std::string said;
  EXPECT_EQ(mosctl(node(1), {"expel"}, &said), 0) << said;
  EXPECT_EQ(said, "3 guests were sent home\n");
  EXPECT_TRUE(guests(1).empty());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(goes_on("lines" + std::to_string(i)));
  for (const pid_t pid : pids)
    EXPECT_GE(until(5 * kSecond, [&] { return where(pid) == node(0).number(); }), 0);
  EXPECT_EQ(mosctl(node(1), {"expel"}, &said), 0);
  EXPECT_EQ(said, "0 guests were sent home\n");
  enough();
  for (const pid_t pid : pids) EXPECT_EQ(end_of(pid), 0);
  for (int i = 0; i < 3; ++i) EXPECT_GT(counted("lines" + std::to_string(i)), 0);
}

TEST_F(FlockFaults, AMoveMayBeAskedOnTheGuestsNode) {
  const pid_t pid = start_away(3);
  ASSERT_GT(pid, 0);
  const int third = node(2).number();
  const pid_t body = guests(1).at(0).at("helper");
  const auto ask_there = [&](const json& target) {
    return node(1).ask({{"cmd", "migrate"}, {"pid", body}, {"node", target}});
  };
  EXPECT_EQ(ask_there(99).value("code", ""), "unknown-node");
  EXPECT_EQ(ask_there(node(1).number()).value("moved", true), false);
  EXPECT_EQ(where(pid), node(1).number());
  const json answer = ask_there(third);
  EXPECT_TRUE(answer.value("moved", false)) << answer;
  EXPECT_GE(until(10 * kSecond, [&] { return where(pid) == third; }), 0);
  EXPECT_TRUE(goes_on("lines"));

  // Home decides: a locked process goes no further.
  node(0).ask({{"cmd", "lock"}, {"pid", pid}});
  const pid_t other = guests(2).at(0).at("helper");
  node(2).ask({{"cmd", "migrate"}, {"pid", other}, {"node", node(1).number()}});
  EXPECT_GE(until(10 * kSecond, [&] { return where(pid) == node(0).number(); }), 0);
  ::sleep(1);
  EXPECT_EQ(where(pid), node(0).number());
  EXPECT_NE(read_small_file(node(0).log(), 1 << 20).value_or("").find("it is locked where it is"),
            std::string::npos);
  expect_end(pid);
}

TEST_F(FlockFaults, AGuestsNodeThatLeavesSendsItHomeFirst) {
  const pid_t pid = start_away(2);
  ASSERT_GT(pid, 0);
  std::string said;
  EXPECT_EQ(mosctl(node(1), {"leave"}, &said), 0) << said;
  node(1).wait();
  EXPECT_GE(until(5 * kSecond, [&] { return where(pid) == node(0).number(); }), 0);
  EXPECT_EQ(copies_of(pid), 0);
  expect_end(pid);
}

TEST_F(FlockFaults, AHomeThatLeavesBringsItsProcessesHomeFirst) {
  const pid_t pid = start_away(2);
  ASSERT_GT(pid, 0);
  std::string said;
  EXPECT_EQ(mosctl(node(0), {"leave"}, &said), 0) << said;
  node(0).wait();
  EXPECT_TRUE(guests(1).empty());
  expect_end(pid);
}

// A helper at home that is stopped does not take its process back: leaving takes its time and no
// more.
TEST_F(FlockFaults, LeavingIsBounded) {
  const pid_t pid = start_away(2);
  ASSERT_GT(pid, 0);
  const pid_t helper = node(0).ask({{"cmd", "processes"}}).at("moved").at(0).at("helper");
  ASSERT_EQ(::kill(helper, SIGSTOP), 0);
  const TimeNs begin = monotonic_ns();
  std::string said;
  EXPECT_EQ(mosctl(node(1), {"leave"}, &said), 0) << said;
  expect_within("leaving with a guest that does not go", monotonic_ns() - begin, 13 * kSecond);
  EXPECT_NE(said.find("did not go home"), std::string::npos) << said;
  node(1).wait();
  ASSERT_EQ(::kill(helper, SIGCONT), 0);
  expect_end(pid);
}

}  // namespace
}  // namespace starling::lab
