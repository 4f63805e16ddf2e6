// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/json_line.h"

#include <gtest/gtest.h>

namespace starling {
namespace {

TEST(JsonLine, TakesObjectsOnly) {
  EXPECT_EQ(parse_json_line("{\"do\":\"go\"}")->at("do"), "go");
  for (const char* bad : {"", "5", "[]", "{", "{}{}", "null", "nonsense"}) {
    EXPECT_FALSE(parse_json_line(bad)) << bad;
  }
  EXPECT_TRUE(parse_json_line("{\"a\":[[[[{}]]]]}"));
  EXPECT_FALSE(parse_json_line("{\"a\":" + std::string(100'000, '[')));
}

TEST(JsonLine, WritesWhatIsNoUtf8) {
  const std::string line = json_line({{"comm", "\xff\xfe"}});
  EXPECT_EQ(line.back(), '\n');
  EXPECT_TRUE(parse_json_line(line));
}

TEST(LineBuffer, CutsLinesAtAnyPlace) {
  LineBuffer buffer(100);
  const std::string text = "one\ntwo\n\nthree\n";
  std::string got;
  for (const char c : text) {
    ASSERT_TRUE(buffer.append({&c, 1}));
    while (const auto line = buffer.take()) got += *line + "|";
  }
  EXPECT_EQ(got, "one|two||three|");
  ASSERT_TRUE(buffer.append("a\nb\nhalf"));
  EXPECT_EQ(buffer.take(), "a");
  EXPECT_EQ(buffer.take(), "b");
  EXPECT_EQ(buffer.take(), std::nullopt);
}

TEST(LineBuffer, RefusesALineWithoutAnEnd) {
  LineBuffer buffer(10);
  EXPECT_TRUE(buffer.append("0123456789"));
  EXPECT_FALSE(buffer.append("0"));
  // Whole lines may well be more than that together.
  LineBuffer many(10);
  EXPECT_TRUE(many.append("12345678\n12345678\n12345678\n1234"));
  EXPECT_EQ(many.take(), "12345678");
}

}  // namespace
}  // namespace starling
