// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/report.h"

#include <gtest/gtest.h>

namespace starling::daemon {
namespace {

using membership::BoardEntry;
using membership::State;

BoardEntry entry(std::uint16_t number, const std::string& host, State state = State::kAlive) {
  BoardEntry e;
  e.number = number;
  e.uid = number;
  e.hostname = host;
  e.state = state;
  e.address = to_member_address(*parse_address6("fe80::" + std::to_string(number)), 3, 7827);
  return e;
}

TEST(Report, AddressesGoThroughTheCoreUnchanged) {
  const Address6 a = *parse_address6("fe80::1234:5678:9abc:def0");
  const auto m = to_member_address(a, 4, 9);
  EXPECT_EQ(m.hi, membership::kLinkLocalPrefix);
  EXPECT_EQ(to_address6(m), a);
}

TEST(Report, FindsByNumberHostAddressAndSelf) {
  Snapshot s;
  s.board = {entry(1, "west"), entry(2, "east")};
  s.board[1].self = true;
  EXPECT_EQ(find_node(s, "2"), &s.board[1]);
  EXPECT_EQ(find_node(s, "west"), &s.board[0]);
  EXPECT_EQ(find_node(s, "fe80::2"), &s.board[1]);
  EXPECT_EQ(find_node(s, "fe80::1%eth0"), &s.board[0]);
  EXPECT_EQ(find_node(s, "self"), &s.board[1]);
  for (const char* none : {"3", "0", "", "north", "fe80::3", "-1", "2x"}) {
    EXPECT_EQ(find_node(s, none), nullptr) << none;
  }
}

TEST(Report, TheLivingGoBeforeTheDead) {
  Snapshot s;
  s.board = {entry(1, "west", State::kDead), entry(4, "west")};
  EXPECT_EQ(find_node(s, "west")->number, 4);
  EXPECT_EQ(find_node(s, "1")->state, State::kDead);
}

TEST(Report, NodeAsJson) {
  BoardEntry e = entry(3, "west");
  e.memory_total = 100;
  e.memory_free = 30;
  e.age = std::chrono::milliseconds(1500);
  const auto j = node_json(e, {{3, "eth0"}});
  EXPECT_EQ(j.at("number"), 3);
  EXPECT_EQ(j.at("state"), "alive");
  EXPECT_EQ(j.at("memory_used"), 70);
  EXPECT_EQ(j.at("age"), 1.5);
  EXPECT_EQ(j.at("interface"), "eth0");
  EXPECT_EQ(j.at("address"), "fe80::3");
  EXPECT_EQ(j.at("uid"), "0000000000000003");
}

}  // namespace
}  // namespace starling::daemon
