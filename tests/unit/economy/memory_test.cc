// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "agents/economy/memory_watch.h"

namespace starling::economy {
namespace {

const Settings kModel;

TEST(MemoryWatch, SteadyMemoryIsNeverShortHoweverLittle) {
  MemoryWatch watch;
  for (int t = 0; t < 100; ++t) watch.sample(Time{1.0 * t}, 3e7, 1e9);
  EXPECT_EQ(watch.trend(), 0);
  EXPECT_EQ(watch.shortfall(5e8, kModel), 0);
  watch.sample(Time{100}, 1e7, 1e9);
  EXPECT_NEAR(watch.shortfall(5e8, kModel), 1e7, 1) << "below the alarm's mark";
}

TEST(MemoryWatch, AJumpIsNoTrend) {
  MemoryWatch watch;
  for (int t = 0; t < 10; ++t) watch.sample(Time{1.0 * t}, t < 5 ? 9e8 : 4e8, 1e9);
  EXPECT_EQ(watch.trend(), 0);
}

TEST(MemoryWatch, AHogIsSeenInTimeToDragItAway) {
  // It grows by 50 MB each second on a machine of 1 GB.
  MemoryWatch watch;
  double available = 1e9;
  double hog = 0;
  for (int t = 0; t < 60; ++t) {
    watch.sample(Time{1.0 * t}, available, 1e9);
    if (watch.shortfall(hog, kModel) > 0) break;
    available -= 5e7;
    hog += 5e7;
  }
  EXPECT_NEAR(watch.trend(), 5e7, 1);
  // What is left lasts for the reaction and for dragging it.
  const double seconds = available / 5e7;
  EXPECT_GT(seconds, 3 + hog / kModel.bandwidth);
  EXPECT_GT(hog, 2e8) << "but not at once";
}

TEST(MemoryWatch, TimeThatDoesNotPassAndSilenceDoNoHarm) {
  MemoryWatch watch;
  EXPECT_EQ(watch.shortfall(1e9, kModel), 0);
  watch.sample(Time{1}, 5e8, 1e9);
  watch.sample(Time{1}, 4e8, 1e9);
  EXPECT_EQ(watch.trend(), 0);
}

}  // namespace
}  // namespace starling::economy
