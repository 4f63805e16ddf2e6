// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/election.h"

#include <gtest/gtest.h>

namespace starling::netboot {
namespace {

using namespace std::chrono_literals;
using enum Readiness;
constexpr Election::Time at(std::chrono::milliseconds t) {
  return Election::Time{} + t;
}

TEST(Election, TheLowestAnswersAfterAWhile) {
  Election e(2s);
  EXPECT_FALSE(e.update(at(0s), 2, true, {2, 3, 5}, {}));
  EXPECT_FALSE(e.update(at(1999ms), 2, true, {2, 3}, {}));
  EXPECT_TRUE(e.update(at(2s), 2, true, {3, 2}, {}));
}

TEST(Election, StopsAtOnceAndWaitsAnew) {
  Election e(2s);
  e.update(at(0s), 2, true, {2}, {});
  EXPECT_TRUE(e.update(at(3s), 2, true, {2}, {}));
  EXPECT_FALSE(e.update(at(4s), 2, true, {1, 2}, {ready}));
  EXPECT_FALSE(e.update(at(5s), 2, true, {2}, {}));
  EXPECT_TRUE(e.update(at(7s), 2, true, {2}, {}));
  EXPECT_FALSE(e.blind());
  EXPECT_FALSE(e.update(at(8s), 2, true, {2}, {}));
}

TEST(Election, WhoLacksBootFilesDoesNotAnswerButTheNextWhoHasThemDoes) {
  Election one(2s), three(2s);
  for (const auto t : {0s, 1s, 2s}) {
    EXPECT_FALSE(one.update(at(t), 1, false, {1, 2, 3}, {}));
    EXPECT_EQ(three.update(at(t), 3, true, {1, 2, 3}, {not_ready, not_ready}), t == 2s);
  }
  EXPECT_FALSE(one.update(at(3s), 1, true, {1, 2, 3}, {}));
  EXPECT_FALSE(three.update(at(3s), 3, true, {1, 2, 3}, {ready})) << "before the other begins";
  EXPECT_TRUE(one.update(at(5s), 1, true, {1, 2, 3}, {}));
  EXPECT_FALSE(one.update(at(6s), 1, false, {1, 2, 3}, {})) << "its files went away";
}

TEST(Election, WhoHasJustJoinedDoesNotSilenceTheAnswerer) {
  Election e(2s);
  e.update(at(0s), 2, true, {2}, {});
  EXPECT_TRUE(e.update(at(2s), 2, true, {2}, {}));
  EXPECT_TRUE(e.update(at(3s), 2, true, {1, 2}, {unknown}));
  EXPECT_TRUE(e.update(at(4s), 2, true, {1, 2}, {not_ready}));
}

TEST(Election, NobodyBeginsBeforeTheLowerOnesHaveSaidTheyAreNotReady) {
  Election e(2s);
  e.update(at(0s), 3, true, {1, 2, 3}, {not_ready, unknown});
  EXPECT_FALSE(e.update(at(9s), 3, true, {1, 2, 3}, {not_ready, unknown}));
  EXPECT_FALSE(e.update(at(10s), 3, true, {1, 2, 3}, {not_ready, not_ready}));
  EXPECT_FALSE(e.update(at(11s), 3, true, {1, 2, 3}, {unknown, not_ready}));
  EXPECT_FALSE(e.update(at(12s), 3, true, {1, 2, 3}, {not_ready, not_ready}));
  EXPECT_TRUE(e.update(at(14s), 3, true, {1, 2, 3}, {not_ready, not_ready}));
}

TEST(Election, NobodyWithoutANumberOrNotOnTheBoard) {
  Election e(0s);
  EXPECT_FALSE(e.update(at(0s), 0, true, {}, {}));
  EXPECT_FALSE(e.update(at(0s), 0, true, {0}, {}));
  EXPECT_FALSE(e.update(at(0s), 2, true, {3}, {}));
  EXPECT_TRUE(e.update(at(0s), 2, true, {0, 2}, {})) << "a node still without number is no rival";
}

}  // namespace
}  // namespace starling::netboot
