// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/replay_window.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace starling {
namespace {

TEST(ReplayWindow, TakesEachValueOnce) {
  ReplayWindow w;
  EXPECT_FALSE(w.accept(0));
  EXPECT_TRUE(w.accept(1));
  EXPECT_FALSE(w.accept(1));
  EXPECT_TRUE(w.accept(5));
  EXPECT_TRUE(w.accept(3));
  EXPECT_FALSE(w.accept(3));
  EXPECT_FALSE(w.accept(5));
}

TEST(ReplayWindow, RefusesWhatIsTooOldToTell) {
  ReplayWindow w;
  EXPECT_TRUE(w.accept(10'000));
  EXPECT_FALSE(w.accept(10'000 - ReplayWindow::kSize));
  EXPECT_TRUE(w.accept(10'000 - ReplayWindow::kSize + 1));
}

TEST(ReplayWindow, SurvivesHugeJumps) {
  ReplayWindow w;
  EXPECT_TRUE(w.accept(7));
  EXPECT_TRUE(w.accept(~std::uint64_t{0}));
  EXPECT_FALSE(w.accept(7));
  EXPECT_FALSE(w.accept(~std::uint64_t{0}));
  EXPECT_TRUE(w.accept(~std::uint64_t{0} - 1));
}

TEST(ReplayWindow, FloorRefusesAllBelow) {
  ReplayWindow w;
  EXPECT_TRUE(w.accept(100));
  w.raise_floor(98);
  EXPECT_FALSE(w.accept(98));
  EXPECT_TRUE(w.accept(99));
  w.raise_floor(50);
  EXPECT_FALSE(w.accept(98));
}

// Against the obvious implementation, over random walks that cross word boundaries.
TEST(ReplayWindow, AgreesWithASetOfSeenValues) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20; ++round) {
    ReplayWindow w;
    std::set<std::uint64_t> seen;
    std::uint64_t highest = 0;
    std::uint64_t head = 1;
    for (int i = 0; i < 20'000; ++i) {
      head += random() % 4 == 0 ? random() % (random() % 50 == 0 ? 3000 : 5) : 0;
      const std::uint64_t back = random() % 1200;
      const std::uint64_t value = head > back ? head - back : head;
      const bool old = value == 0 || value + ReplayWindow::kSize <= highest;
      const bool expected = !old && seen.insert(value).second;
      if (expected && value > highest) highest = value;
      ASSERT_EQ(w.accept(value), expected) << value << " highest " << highest;
    }
  }
}

}  // namespace
}  // namespace starling
