// SPDX-License-Identifier: GPL-2.0-or-later
// Eight real daemons on one wire: finding each other, dying, leaving, coming back, and being torn
// apart and put together again. The bounds are those of the product.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "agents/common/small_file.h"
#include "tests/lab/lab.h"

namespace starling::lab {
namespace {

constexpr int kNodes = 8;

class MembershipLab : public Lab {
 protected:
  // How many running nodes hold `number` in `state`.
  int seen_as(int number, const std::string& state) {
    int n = 0;
    for (LabNode* other : running()) {
      const auto list = other->numbers(state);
      n += std::count(list.begin(), list.end(), number) ? 1 : 0;
    }
    return n;
  }
};

TEST_F(MembershipLab, EightFindEachOtherAndCountFromOne) {
  grow(kNodes);
  if (HasFatalFailure()) return;
  std::set<int> numbers;
  for (LabNode* n : running()) numbers.insert(n->number());
  EXPECT_EQ(numbers.size(), static_cast<std::size_t>(kNodes));
  EXPECT_EQ(*numbers.begin(), 1);
  EXPECT_EQ(*numbers.rbegin(), kNodes);

  // What the board says is what the machine is.
  const auto answer = node(0).ask({{"cmd", "whois"}, {"who", "host5"}}).at("node");
  EXPECT_EQ(answer.at("number"), node(4).number());
  EXPECT_EQ(answer.at("cpus"), sysconf(_SC_NPROCESSORS_ONLN));
  EXPECT_GT(answer.at("memory_total"), 0);
  EXPECT_LT(answer.at("age"), 5.0);

  const TimeNs told = until(20 * kSecond, [&] {
    for (LabNode* n : running()) {
      const auto board = n->ask({{"cmd", "nodes"}});
      for (const auto& other : board.at("nodes")) {
        if (other.at("speed") == 0) return false;
      }
    }
    return true;
  });
  expect_within("every node described on every board, after its number", told, 3 * kSecond);

  std::string out;
  EXPECT_EQ(mosctl(node(0), {"nodes"}, &out), 0);
  for (int i = 1; i <= kNodes; ++i) {
    EXPECT_NE(out.find("host" + std::to_string(i)), std::string::npos) << out;
  }
  EXPECT_EQ(mosctl(node(0), {"nodes", "--wait", "8", "--timeout", "5"}, &out), 0);
  EXPECT_EQ(mosctl(node(0), {"nodes", "--wait", "9", "--timeout", "0.3"}, &out), 1);
  EXPECT_EQ(mosctl(node(0), {"whois", "99"}, &out), 4);
  EXPECT_EQ(mosctl(node(0), {"whois"}, &out), 2);
  EXPECT_EQ(mosctl(node(0), {"whois", "self", "--json"}, &out), 0);
  EXPECT_NE(out.find("\"self\": true"), std::string::npos);
}

TEST_F(MembershipLab, NewNodeIsOnEveryBoardWithinThreeSeconds) {
  grow(kNodes - 1);
  if (HasFatalFailure()) return;
  LabNode& last = add_node();
  // Its link has been up for a while, as on a machine whose daemon starts late in the boot.
  usleep(300'000);
  last.start();
  TimeNs visible = -1;
  const TimeNs took = until(20 * kSecond, [&] { return all_agree(); });
  if (took >= 0) visible = monotonic_ns() - last.started();
  expect_within("new node with its number on all boards, from its daemon's start", visible,
                3 * kSecond);
}

TEST_F(MembershipLab, KilledNodeIsDeadForAllWithinTwoSeconds) {
  grow(kNodes);
  if (HasFatalFailure()) return;
  for (int victim : {3, 6}) {
    const int number = node(victim).number();
    node(victim).kill();
    const int others = static_cast<int>(running().size());
    const TimeNs took = until(20 * kSecond, [&] { return seen_as(number, "dead") == others; });
    expect_within("killed node declared dead by all", took, 2 * kSecond);
  }
}

TEST_F(MembershipLab, LeavingIsNotDying) {
  grow(4);
  if (HasFatalFailure()) return;
  const int first = node(1).number();
  node(1).terminate();
  TimeNs took = until(10 * kSecond, [&] { return seen_as(first, "left") == 3; });
  expect_within("goodbye known to all", took, 2 * kSecond);

  const int second = node(2).number();
  std::string out;
  EXPECT_EQ(mosctl(node(2), {"leave"}, &out), 0) << out;
  EXPECT_EQ(node(2).wait(), 0);
  took = until(10 * kSecond, [&] { return seen_as(second, "left") == 2; });
  expect_within("goodbye by mosctl known to all", took, 2 * kSecond);
  EXPECT_EQ(mosctl(node(2), {"status"}, &out), 3) << out;
  for (LabNode* n : running()) EXPECT_EQ(n->counter("member", "deaths_declared"), 0u);
}

TEST_F(MembershipLab, RestartKeepsTheNumber) {
  grow(5);
  if (HasFatalFailure()) return;
  const int by_disk = node(1).number();
  const int by_neighbours = node(2).number();
  // Killed: no goodbye; with its disk. And a diskless one, whose number the others remember.
  node(1).kill();
  node(2).kill();
  std::filesystem::remove_all(node(2).dir() / "state");
  node(2).start();
  node(1).start();
  const TimeNs took = until(20 * kSecond, [&] { return all_agree(); });
  expect_within("two restarted nodes back on all boards", took, 6 * kSecond);
  EXPECT_EQ(node(1).number(), by_disk);
  EXPECT_EQ(node(2).number(), by_neighbours);
}

TEST_F(MembershipLab, PartitionHealsWithinTenSeconds) {
  grow(kNodes);
  if (HasFatalFailure()) return;
  std::vector<int> before;
  for (int i = 0; i < kNodes; ++i) before.push_back(node(i).number());
  for (int i = 0; i < kNodes / 2; ++i) move_to_segment(i, 1);
  const TimeNs apart = until(20 * kSecond, [&] {
    for (LabNode* n : running()) {
      if (n->numbers().size() != kNodes / 2) return false;
    }
    return true;
  });
  ASSERT_GE(apart, 0) << "the halves did not notice";
  std::printf("[ measured ] halves noticed in %.2f s\n", to_seconds(apart));
  sleep(3);
  for (int i = 0; i < kNodes / 2; ++i) move_to_segment(i, 0);
  const TimeNs healed = until(40 * kSecond, [&] { return all_agree(); });
  expect_within("partition healed", healed, 10 * kSecond);
  for (int i = 0; i < kNodes; ++i) {
    EXPECT_EQ(node(i).number(), before[static_cast<std::size_t>(i)]) << "node " << i;
  }
}

TEST_F(MembershipLab, ShortPauseIsNoDeath) {
  grow(kNodes);
  if (HasFatalFailure()) return;
  for (int round = 0; round < 3; ++round) {
    node(round).signal(SIGSTOP);
    usleep(300'000);
    node(round).signal(SIGCONT);
    usleep(700'000);
  }
  sleep(2);
  EXPECT_TRUE(all_agree());
  for (LabNode* n : running()) {
    EXPECT_EQ(n->counter("member", "deaths_declared"), 0u) << n->name();
    EXPECT_EQ(n->counter("member", "deaths_heard"), 0u) << n->name();
  }
}

TEST_F(MembershipLab, LinkThatComesLateAndGoesIsFollowed) {
  grow(2);
  if (HasFatalFailure()) return;
  LabNode& late = add_node();
  late.net().ip({"link", "set", "lan0", "down"});
  late.start();
  ASSERT_GE(until(10 * kSecond, [&] { return late.ask({{"cmd", "status"}}).at("alive") == 1; }), 0);
  late.net().ip({"link", "set", "lan0", "up"});
  TimeNs took = until(20 * kSecond, [&] { return all_agree(); });
  expect_within("node on all boards after its link came up", took, 10 * kSecond);
  // The card is pulled and another put in.
  late.net().ip({"link", "del", "lan0"});
  ASSERT_GE(until(10 * kSecond, [&] { return node(0).numbers().size() == 2; }), 0);
  plug_in(late.net());
  took = until(20 * kSecond, [&] { return all_agree(); });
  expect_within("node on all boards after its card was changed", took, 10 * kSecond);
}

TEST_F(MembershipLab, MistakesAreToldAtStart) {
  LabNode& n = add_node();
  n.start({"--no-such-option"});
  EXPECT_EQ(WEXITSTATUS(n.wait()), 2);
  EXPECT_EQ(chmod((n.dir() / "flock.key").c_str(), 0644), 0);
  n.start();
  EXPECT_EQ(WEXITSTATUS(n.wait()), 1);
  EXPECT_EQ(chmod((n.dir() / "flock.key").c_str(), 0600), 0);
  const std::string log = read_small_file(n.log()).value_or("");
  EXPECT_NE(log.find("no-such-option"), std::string::npos) << log;
  EXPECT_NE(log.find("chmod 600"), std::string::npos) << log;

  // A second daemon: by the control socket, and by the port when it has another socket.
  n.start();
  ASSERT_GE(until(5 * kSecond, [&] { return n.number() == 1; }), 0);
  std::string out;
  EXPECT_EQ(n.start_second({}, out), 1);
  EXPECT_NE(out.find("another daemon answers"), std::string::npos) << out;
  out.clear();
  EXPECT_EQ(n.start_second({"--control-socket=" + (n.dir() / "second.sock").string()}, out), 1);
  EXPECT_NE(out.find("UDP port 7827: Address already in use"), std::string::npos) << out;
  EXPECT_EQ(mosctl(n, {"status"}, &out), 0);
}

}  // namespace
}  // namespace starling::lab
