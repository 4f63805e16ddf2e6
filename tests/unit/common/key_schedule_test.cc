// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/key_schedule.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace starling {
namespace {

TEST(SharedKey, IsTheFlocksAndOfOneUse) {
  std::array<std::uint8_t, FlockKey::kSize> bytes{};
  const KeySchedule one(FlockKey(bytes), "west"), same(FlockKey(bytes), "west"),
      renamed(FlockKey(bytes), "east");
  bytes[31] = 1;
  const KeySchedule other(FlockKey(bytes), "west");
  const auto key = one.shared_key("a use");
  EXPECT_EQ(same.shared_key("a use"), key);
  EXPECT_NE(one.shared_key("another"), key);
  EXPECT_NE(renamed.shared_key("a use"), key);
  EXPECT_NE(other.shared_key("a use"), key);
  EXPECT_NE(one.session_key(SessionId{}), one.shared_key(std::string_view("\0\0\0\0", 4)));
  EXPECT_TRUE(std::ranges::any_of(key, [](auto b) { return b != 0; }));
}

}  // namespace
}  // namespace starling
