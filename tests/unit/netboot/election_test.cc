// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/election.h"

#include <gtest/gtest.h>

namespace starling::netboot {
namespace {

using namespace std::chrono_literals;
constexpr Election::Time at(std::chrono::milliseconds t) { return Election::Time{} + t; }

TEST(Election, TheLowestAnswersAfterAWhile) {
  Election e(2s);
  EXPECT_FALSE(e.update(at(0s), 2, {2, 3, 5}));
  EXPECT_FALSE(e.update(at(1999ms), 2, {2, 3}));
  EXPECT_TRUE(e.update(at(2s), 2, {3, 2}));
}

TEST(Election, StopsAtOnceAndWaitsAnew) {
  Election e(2s);
  e.update(at(0s), 2, {2});
  EXPECT_TRUE(e.update(at(3s), 2, {2}));
  EXPECT_FALSE(e.update(at(4s), 2, {1, 2}));
  EXPECT_FALSE(e.update(at(5s), 2, {2}));
  EXPECT_TRUE(e.update(at(7s), 2, {2}));
  EXPECT_FALSE(e.blind());
  EXPECT_FALSE(e.update(at(8s), 2, {2}));
}

TEST(Election, NobodyWithoutANumberOrNotOnTheBoard) {
  Election e(0s);
  EXPECT_FALSE(e.update(at(0s), 0, {}));
  EXPECT_FALSE(e.update(at(0s), 0, {0}));
  EXPECT_FALSE(e.update(at(0s), 2, {3}));
  EXPECT_TRUE(e.update(at(0s), 2, {0, 2})) << "a node still without number is no rival";
}

}  // namespace
}  // namespace starling::netboot
