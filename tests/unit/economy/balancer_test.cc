// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/economy/balancer.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace starling::economy {
namespace {

using testing::Test;

constexpr NodeId kHome = 1;

class BalancerTest : public Test {
 protected:
  BalancerTest() : balancer([this] { return dice; }) {}

  Quote node(NodeId id, double load, double cpus = 1) {
    return {{.id = id, .cpus = cpus, .load = load, .memory_total = 1e9, .memory_free = 9e8},
            Time{0.1}};
  }
  static Candidate candidate(ProcessId id, NodeId at = kHome, double memory = 1e7) {
    Candidate c;
    c.process = {.id = id, .memory = memory, .cpu_used = 100};
    c.at = at;
    return c;
  }
  std::vector<Proposal> look(const std::vector<Candidate>& processes, Wishes wishes = {}) {
    Machine me = self;
    for (const Candidate& c : processes) {
      if (c.at == kHome) me.load += c.process.threads;
    }
    balancer.market().look(board, board.size() + 1, me, now);
    return balancer.look(me, processes, wishes, now);
  }
  Answer grant() {
    Answer a;
    a.ticket = 5;
    return a;
  }

  double dice = 0.99;
  Balancer balancer;
  Machine self{.id = kHome, .memory_total = 1e9, .memory_free = 8e8};
  std::vector<Quote> board;
  Time now{100};
};

TEST_F(BalancerTest, SpreadsWhatStartedInOnePlace) {
  for (NodeId id = 2; id <= 8; ++id) board.push_back(node(id, 0));
  std::vector<Candidate> processes;
  for (ProcessId id = 1; id <= 8; ++id) processes.push_back(candidate(id));
  const auto proposals = look(processes);
  ASSERT_EQ(proposals.size(), 7u);
  std::vector<NodeId> targets;
  for (const Proposal& p : proposals) targets.push_back(p.to);
  std::ranges::sort(targets);
  EXPECT_EQ(std::ranges::unique(targets).size(), 0u) << "two on one node";
}

TEST_F(BalancerTest, LeavesWhatStandsWellWhereItIs) {
  board = {node(2, 1), node(3, 1)};
  EXPECT_TRUE(look({candidate(1), candidate(2)}).empty());
  board = {node(2, 0)};
  EXPECT_TRUE(look({candidate(1)}).empty());
  const auto why = balancer.journal().of_process(1, 10);
  ASSERT_EQ(why.size(), 1u) << "said once, not at every look";
  EXPECT_EQ(why[0].outcome, Outcome::kStayed);
  EXPECT_FALSE(why[0].why.empty());
}

TEST_F(BalancerTest, RespectsWishes) {
  board = {node(2, 0)};
  std::vector<Candidate> processes = {candidate(1), candidate(2)};
  EXPECT_TRUE(look(processes, {.stay = true}).empty());
  EXPECT_TRUE(look(processes, {.quiet = true}).empty());
  EXPECT_EQ(balancer.journal().of_process(2, 1)[0].why, "nothing is to leave this node by itself");
  now += Time{31};
  processes[0].stay = true;
  processes[1].can_move = false;
  processes[1].why_not = "it maps /dev/dri/card0";
  EXPECT_TRUE(look(processes).empty());
  EXPECT_EQ(balancer.journal().of_process(2, 1)[0].why, "it maps /dev/dri/card0");
  processes[0].stay = false;
  EXPECT_EQ(look(processes).size(), 1u);
}

TEST_F(BalancerTest, AProcessOnItsWayIsNotSentTwice) {
  board = {node(2, 0)};
  const auto first = look({candidate(1), candidate(2)});
  ASSERT_EQ(first.size(), 1u);
  now += Time{1};
  EXPECT_TRUE(look({candidate(1), candidate(2)}).empty());
}

TEST_F(BalancerTest, AfterAMoveItStaysForItsResidency) {
  board = {node(2, 0), node(3, 0)};
  const auto first = look({candidate(1), candidate(2)});
  ASSERT_EQ(first.size(), 1u);
  const Answer granted = grant();
  balancer.answered(first[0], &granted, now);
  balancer.finished(first[0], true, now);
  const ProcessId moved = first[0].request.process.id;
  EXPECT_EQ(balancer.moves(moved), 1u);
  // Now it would be better elsewhere: the node it went to is crowded.
  dice = 0;
  now += Time{1};
  board = {node(first[0].to, 6), node(first[0].to == 2 ? 3 : 2, 0)};
  const std::vector<Candidate> there = {candidate(moved, first[0].to)};
  EXPECT_TRUE(look(there).empty());
  now += Time{3};
  EXPECT_EQ(look(there).size(), 1u);
}

TEST_F(BalancerTest, ARefusedProcessMayGoElsewhere) {
  board = {node(2, 0), node(3, 0.2)};
  const auto first = look({candidate(1), candidate(2)});
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].to, 2u);
  Answer no;
  no.too_dear = true;
  no.retry = Time{5};
  no.load = 3;
  balancer.answered(first[0], &no, now);
  const auto second = look({candidate(1), candidate(2)});
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].to, 3u);
  const auto story = balancer.journal().of_process(first[0].request.process.id, 10);
  ASSERT_FALSE(story.empty());
  EXPECT_EQ(story.back().outcome, Outcome::kRefused);
}

TEST_F(BalancerTest, SilenceIsNotAskedAgainAtOnce) {
  board = {node(2, 0)};
  const auto first = look({candidate(1), candidate(2)});
  ASSERT_EQ(first.size(), 1u);
  balancer.answered(first[0], nullptr, now);
  EXPECT_TRUE(look({candidate(1), candidate(2)}).empty());
  now += Time{6};
  EXPECT_EQ(look({candidate(1), candidate(2)}).size(), 1u);
}

TEST_F(BalancerTest, NotAllHomesFetchTheirsFromACrowdedHostAtOnce) {
  board = {node(2, 8), node(3, 0)};
  dice = 0.9;
  EXPECT_TRUE(look({candidate(1, 2)}).empty());
  dice = 0.1;
  EXPECT_EQ(look({candidate(1, 2)}).size(), 1u);
}

TEST_F(BalancerTest, ComesHomeWhereThereIsRoomAgain) {
  board = {node(2, 4)};
  dice = 0;
  const auto proposals = look({candidate(1, 2)});
  ASSERT_EQ(proposals.size(), 1u);
  EXPECT_TRUE(proposals[0].home);
  EXPECT_EQ(proposals[0].to, kHome);
}

TEST_F(BalancerTest, UshersTheGrowingProcessAwayBeforeTheMachineSwaps) {
  board = {node(2, 3), node(3, 3)};  // busier than home: only memory can be the reason
  board[0].machine.memory_total = 8e9;
  board[0].machine.memory_free = 7e9;
  board[1].machine.memory_free = 2e8;
  Candidate small = candidate(1);
  Candidate hog = candidate(2);
  std::vector<Proposal> proposals;
  double free = 9e8;
  for (int t = 0; t < 30 && proposals.empty(); ++t) {
    now += Time{1};
    free -= 5e7;
    hog.process.memory += 5e7;
    hog.process.memory_growth = 5e7;
    self.memory_free = free;
    proposals = look({small, hog});
  }
  ASSERT_EQ(proposals.size(), 1u);
  EXPECT_EQ(proposals[0].request.process.id, 2u);
  EXPECT_EQ(proposals[0].cause, Cause::kMemory);
  EXPECT_EQ(proposals[0].to, 2u) << "the one with room for it to grow";
  EXPECT_GT(free, 5e7 * hog.process.memory / 1e8) << "time to drag it";
}

TEST_F(BalancerTest, AHostsRequestIsFollowed) {
  board = {node(2, 1), node(3, 1)};
  self.load = 3;
  Candidate guest = candidate(1, 2);
  EXPECT_TRUE(look({guest}).empty());
  guest.must_leave = true;
  const auto proposals = look({guest});
  ASSERT_EQ(proposals.size(), 1u);
  EXPECT_EQ(proposals[0].cause, Cause::kMemory);
}

TEST_F(BalancerTest, PlacesWhereItCostsLeastWithoutDragging) {
  board = {node(2, 1), node(3, 0)};
  self.load = 2;
  balancer.market().look(board, 3, self, now);
  Proposal proposal;
  EXPECT_EQ(balancer.place({.id = 9, .memory = 5e8}, self, {}, now, proposal), 3u);
  EXPECT_FALSE(proposal.request.drags);
  EXPECT_GT(proposal.request.bid, 0);
  self.load = 0;
  EXPECT_EQ(balancer.place({.id = 10}, self, {}, now, proposal), kHome);
  self.load = 5;
  EXPECT_EQ(balancer.place({.id = 11}, self, {.stay = true}, now, proposal), kHome);
}

TEST_F(BalancerTest, ALookCostsTheSameHoweverMuchThereIs) {
  for (NodeId id = 2; id <= 2000; ++id) board.push_back(node(id, 0));
  std::vector<Candidate> processes;
  for (ProcessId id = 1; id <= 500; ++id) processes.push_back(candidate(id));
  const auto proposals = look(processes);
  EXPECT_EQ(proposals.size(), 8u);
  EXPECT_LE(balancer.evaluations(), 9u * 16 * 34);
}

TEST_F(BalancerTest, EverybodyIsLookedAtSooner_OrLater) {
  board = {node(2, 0)};
  std::vector<Candidate> processes;
  for (ProcessId id = 1; id <= 100; ++id) {
    processes.push_back(candidate(id));
    processes.back().can_move = id == 77;
  }
  for (int t = 0; t < 200; ++t, now += Time{1}) {
    const auto proposals = look(processes);
    if (!proposals.empty()) {
      EXPECT_EQ(proposals[0].request.process.id, 77u);
      return;
    }
  }
  FAIL() << "the only one that can move was never looked at";
}

TEST_F(BalancerTest, ExplainsItselfInNumbers) {
  board = {node(2, 0)};
  const auto first = look({candidate(41), candidate(42)});
  ASSERT_EQ(first.size(), 1u);
  const Answer granted = grant();
  balancer.answered(first[0], &granted, now);
  balancer.finished(first[0], true, now);
  const ProcessId pid = first[0].request.process.id;
  const auto story = balancer.journal().of_process(pid, 5);
  ASSERT_FALSE(story.empty());
  const std::string text =
      render(story.back(), now + Time{2.5}, [](NodeId id) { return "n" + std::to_string(id); });
  EXPECT_NE(
      text.find("2.5 s ago: process " + std::to_string(pid) + " on n1: moved to n2 (balance)"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("own time"), std::string::npos) << text;
  EXPECT_FALSE(balancer.journal().of_node(2, 5).empty());
  EXPECT_TRUE(balancer.journal().of_node(77, 5).empty());
}

TEST(Journal, IsBounded) {
  Journal journal(10);
  for (ProcessId id = 0; id < 1000; ++id) {
    Decision decision;
    decision.process = id;
    journal.add(decision);
  }
  EXPECT_EQ(journal.size(), 10u);
  EXPECT_TRUE(journal.of_process(5, 1).empty());
  EXPECT_EQ(journal.of_process(999, 1).size(), 1u);
}

}  // namespace
}  // namespace starling::economy
