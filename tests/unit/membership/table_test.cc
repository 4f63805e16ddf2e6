// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/membership/table.h"

#include <gtest/gtest.h>

#include <unordered_map>
#include <vector>

#include "agents/membership/description_pool.h"
#include "tests/sim/network.h"

namespace starling::membership {
namespace {

TEST(NodeTable, FindsWhatWasInsertedAndNothingElse) {
  NodeTable table(100);
  const Slot slot = table.insert(42);
  ASSERT_NE(slot, kNoSlot);
  EXPECT_EQ(table.find(42), slot);
  EXPECT_EQ(table.find(43), kNoSlot);
  table.erase(slot);
  EXPECT_EQ(table.find(42), kNoSlot);
  EXPECT_EQ(table.size(), 0U);
}

TEST(NodeTable, RefusesMoreThanItsBound) {
  NodeTable table(3);
  for (uint64_t uid = 1; uid <= 3; ++uid) EXPECT_NE(table.insert(uid), kNoSlot);
  EXPECT_EQ(table.insert(4), kNoSlot);
  table.erase(table.find(2));
  EXPECT_NE(table.insert(4), kNoSlot);
  EXPECT_TRUE(table.full());
}

// Erasing shifts entries in the index: compare with a map over a long random history.
TEST(NodeTable, AgreesWithAMapUnderRandomChanges) {
  sim::Random random(5);
  NodeTable table(500);
  std::unordered_map<uint64_t, Slot> truth;
  std::vector<uint64_t> uids;
  for (int step = 0; step < 50000; ++step) {
    const uint64_t uid = 1 + random.below(700);
    const auto known = truth.find(uid);
    ASSERT_EQ(table.find(uid), known == truth.end() ? kNoSlot : known->second);
    if (known != truth.end()) {
      table.erase(known->second);
      truth.erase(known);
    } else if (const Slot slot = table.insert(uid); slot != kNoSlot) {
      truth[uid] = slot;
    } else {
      ASSERT_EQ(truth.size(), 500U);
    }
    ASSERT_EQ(table.size(), truth.size());
  }
}

TEST(NodeTable, TenThousandNodesCostLittle) {
  NodeTable table(kMaxNodes);
  for (uint64_t uid = 1; uid <= 10000; ++uid) ASSERT_NE(table.insert(uid * 0x9e3779b9), kNoSlot);
  EXPECT_LT(table.memory_use(), 10000 * 70U);
}

TEST(DescriptionPool, KeepsEqualDescriptionsOnce) {
  DescriptionPool pool;
  Description a;
  a.uid = 7;
  a.hostname = "a";
  const auto first = pool.intern(a);
  EXPECT_EQ(pool.intern(a), first);
  a.hostname = "b";
  const auto second = pool.intern(a);
  EXPECT_NE(second, first);
  EXPECT_EQ(pool.size(), 2U);
  pool.release(first);
  EXPECT_EQ(pool.size(), 2U);
  pool.release(first);
  EXPECT_EQ(pool.size(), 1U);
  EXPECT_EQ(pool.get(second).hostname, "b");
  pool.release(second);
  pool.release(0);
  EXPECT_EQ(pool.size(), 0U);
  EXPECT_NE(pool.intern(a), 0U);
}

}  // namespace
}  // namespace starling::membership
