// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/economy/market.h"

#include <gtest/gtest.h>

namespace starling::economy {
namespace {

Quote quote(NodeId id, double load, double age = 0.1) {
  return {{.id = id, .load = load, .memory_total = 1e9, .memory_free = 8e8}, Time{age}};
}
const Machine kSelf{.id = 99, .memory_total = 1e9, .memory_free = 1e9};

TEST(Market, BelievesFreshFiguresAndDoubtsOldOnes) {
  Market market;
  const std::vector<Quote> board = {quote(1, 6), quote(2, 6, 300), quote(3, 0)};
  market.look(board, 4, kSelf, Time{1000});
  EXPECT_NEAR(market.find(1)->load, 6, 0.05);
  EXPECT_NEAR(market.find(2)->load, 3, 0.01) << "of five minutes ago: the mean of all";
  EXPECT_EQ(market.find(4), nullptr);
  EXPECT_EQ(market.scale().nodes, 4);
  EXPECT_EQ(market.scale().top, 8);
}

TEST(Market, OwnMovesCountUntilTheBoardShowsThem) {
  Market market({.stale = Time{1e12}});
  const std::vector<Quote> board = {quote(1, 0, 1)};
  market.look(board, 2, kSelf, Time{10});
  market.moved(1, 2, 1e8, Time{10});
  EXPECT_NEAR(market.find(1)->load, 2, 1e-6);
  market.look(board, 2, kSelf, Time{10.5});  // figures of 9.5
  EXPECT_NEAR(market.find(1)->load, 2, 1e-6);
  EXPECT_NEAR(market.find(1)->memory_free, 7e8, 1);
  market.look(board, 2, kSelf, Time{12.5});  // of 11.5: half of it shows
  EXPECT_NEAR(market.find(1)->load, 1, 1e-6);
  market.look(board, 2, kSelf, Time{14});
  EXPECT_NEAR(market.find(1)->load, 0, 1e-6);
}

TEST(Market, ARefusalIsRemembered) {
  Market market({.stale = Time{1e12}});
  const std::vector<Quote> board = {quote(1, 0, 2)};
  market.look(board, 2, kSelf, Time{10});
  Answer refusal;
  refusal.retry = Time{3};
  refusal.load = 5;
  refusal.memory_free = 1e8;
  market.answered(1, refusal, Time{10});
  EXPECT_TRUE(market.shunned(1, Time{12.9}));
  EXPECT_FALSE(market.shunned(1, Time{13}));
  EXPECT_EQ(market.find(1)->load, 5);
  market.look(board, 2, kSelf, Time{11});  // of 9: older than the answer
  EXPECT_NEAR(market.find(1)->load, 5, 1e-6);
  market.look(board, 2, kSelf, Time{13});  // of 11: newer
  EXPECT_NEAR(market.find(1)->load, 0, 1e-6);
}

TEST(Market, LooksAtABoundedPartOfTheBoard) {
  Market market;
  std::vector<Quote> board;
  for (NodeId id = 1; id <= 5000; ++id) board.push_back(quote(id, 1));
  market.look(board, 5001, kSelf, Time{1});
  EXPECT_EQ(market.machines().size(), 32u);
  EXPECT_EQ(market.scale().nodes, 5001);
  for (NodeId id = 1; id <= 5000; ++id) market.moved(id, 1, 1, Time{1});  // keeps 256 of them
  market.look(board, 5001, kSelf, Time{1});
  EXPECT_EQ(market.machines().size(), 32u);
}

}  // namespace
}  // namespace starling::economy
