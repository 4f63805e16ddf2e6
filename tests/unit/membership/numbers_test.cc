// SPDX-License-Identifier: GPL-2.0-or-later
// Numbers converge whatever happened before, as a property over random histories.
#include <gtest/gtest.h>

#include <set>

#include "tests/sim/network.h"

namespace starling::sim {
namespace {

using namespace std::chrono_literals;

bool distinct(Network& net) {
  std::set<uint16_t> numbers;
  for (uint32_t i = 0; i < net.size(); ++i) {
    if (!net.up(i)) continue;
    if (net.member(i).number() == 0 || !numbers.insert(net.member(i).number()).second) return false;
  }
  return true;
}

class RandomHistory : public testing::TestWithParam<uint64_t> {};

TEST_P(RandomHistory, EndsWithDistinctNumbers) {
  Network net({.seed = GetParam(), .loss = 0.15, .drift = 1e-4});
  Random pick(GetParam() * 31 + 1);
  const uint32_t nodes = 2 + pick.below(14);
  std::vector<uint8_t> side(nodes, 0);
  net.reaches = [&](uint32_t from, uint32_t to) { return side[from] == side[to]; };
  for (uint32_t i = 0; i < nodes; ++i) net.add_node();
  for (int step = 0; step < 80; ++step) {
    const uint32_t node = pick.below(nodes);
    switch (pick.below(6)) {
      case 0:
        if (net.up(node)) net.kill(node);
        break;
      case 1:
        if (net.up(node)) net.leave(node);
        break;
      case 2:
        side[node] = static_cast<uint8_t>(pick.below(3));
        break;
      case 3:
        if (net.up(node)) net.pause(node, Time{pick.below(4'000'000)});
        break;
      default:
        // Disks that remember, forget, or (copied ones) remember somebody else's number.
        if (!net.up(node))
          net.start(node, static_cast<uint16_t>(pick.below(nodes + 1)), pick.below(2));
    }
    net.run_for(Time{pick.below(1'500'000)});
  }
  std::fill(side.begin(), side.end(), 0);
  net.run_for(20s);
  EXPECT_TRUE(distinct(net));
  net.run_for(20s);
  EXPECT_TRUE(distinct(net)) << "and stay so";
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomHistory, testing::Range<uint64_t>(1, 31));

TEST(Numbers, AreDenseAfterACommonStart) {
  Network net({.seed = 4});
  for (uint32_t i = 0; i < 8; ++i) net.start(net.add_node());
  net.run_for(5s);
  for (uint32_t i = 0; i < 8; ++i) {
    EXPECT_GE(net.member(i).number(), 1);
    EXPECT_LE(net.member(i).number(), 8);
  }
  EXPECT_TRUE(distinct(net));
}

TEST(Numbers, TheOlderSideKeepsIts) {
  Network net({.seed = 11});
  for (uint32_t i = 0; i < 9; ++i) net.add_node();
  net.reaches = [](uint32_t from, uint32_t to) { return (from < 5) == (to < 5); };
  for (uint32_t i = 0; i < 5; ++i) net.start(i);
  net.run_for(60s);
  for (uint32_t i = 5; i < 9; ++i) net.start(i);
  net.run_for(10s);
  uint16_t before[5];
  for (uint32_t i = 0; i < 5; ++i) before[i] = net.member(i).number();
  EXPECT_LE(net.member(7).number(), 4) << "both sides counted from 1";
  net.reaches = nullptr;
  net.run_for(15s);
  for (uint32_t i = 0; i < 5; ++i) EXPECT_EQ(net.member(i).number(), before[i]);
  EXPECT_TRUE(distinct(net));
}

TEST(Numbers, AMachineGetsItsNumberBackWithoutADisk) {
  Network net({.seed = 12});
  for (uint32_t i = 0; i < 6; ++i) {
    net.start(net.add_node());
    net.run_for(1500ms);
  }
  net.run_for(5s);
  const uint16_t before = net.member(2).number();
  net.kill(2);
  net.run_for(5s);
  const uint32_t stranger = net.add_node();
  net.start(stranger);
  net.run_for(5s);
  EXPECT_NE(net.member(stranger).number(), before) << "reserved for the dead machine";
  net.start(2);
  net.run_for(5s);
  EXPECT_EQ(net.member(2).number(), before);
}

}  // namespace
}  // namespace starling::sim
