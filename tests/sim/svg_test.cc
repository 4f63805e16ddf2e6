// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/svg.h"

#include <gtest/gtest.h>

namespace starling::sim {
namespace {

TEST(Svg, BarsAreAsLongAsTheirValues) {
  const std::string svg = bar_chart("t", "s", {{"a", 10, true}, {"b", 5, false}, {"c", -1, false}});
  EXPECT_NE(svg.find("width='280.0' height='14'"), std::string::npos) << svg;
  EXPECT_NE(svg.find("width='140.0' height='14'"), std::string::npos) << svg;
}

TEST(Svg, AnOutlierIsCutAndSaysSo) {
  const std::string svg = bar_chart("t", "s", {{"a", 1}, {"b", 1}, {"c", 1000}});
  EXPECT_NE(svg.find("1000 (cut)"), std::string::npos);
}

TEST(Svg, TextIsEscaped) {
  EXPECT_EQ(escape_xml("a<b&'\""), "a&lt;b&amp;&apos;&quot;");
  EXPECT_EQ(line_chart("<x>", "a", "b", {}).find("<x>"), std::string::npos);
}

TEST(Svg, ALineHasAllItsPoints) {
  const std::string svg = line_chart("t", "x", "y", {{"l", {{0, 0}, {1, 2}, {2, 4}}, true}});
  EXPECT_NE(svg.find("points='60.0,260.0 275.0,147.0 490.0,34.0 '"), std::string::npos) << svg;
}

}  // namespace
}  // namespace starling::sim
