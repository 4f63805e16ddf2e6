// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/config/ini.h"

#include <gtest/gtest.h>

namespace starling::builder {
namespace {

std::string value_of(const std::string& line) {
  const auto ini = parse_ini(line);
  EXPECT_TRUE(ini.problems.empty()) << line;
  return ini.entries.size() == 1 ? ini.entries[0].value : "(not one entry)";
}

TEST(IniTest, SectionsLinesAndComments) {
  const auto ini = parse_ini(
      "\xef\xbb\xbf# comment\r\n; another\n\nsuite = trixie\r\n[kernel]\n  patches=a b.patch  # "
      "why\n");
  ASSERT_TRUE(ini.problems.empty());
  ASSERT_EQ(ini.entries.size(), 2u);
  EXPECT_EQ(ini.entries[0].section, "");
  EXPECT_EQ(ini.entries[0].value, "trixie");
  EXPECT_EQ(ini.entries[0].line, 4);
  EXPECT_EQ(ini.entries[1].section, "kernel");
  EXPECT_EQ(ini.entries[1].key, "patches");
  EXPECT_EQ(ini.entries[1].value, "a b.patch");
  EXPECT_EQ(ini.entries[1].line, 6);
}

TEST(IniTest, Values) {
  EXPECT_EQ(value_of("a ="), "");
  EXPECT_EQ(value_of("a = # only a comment"), "");
  EXPECT_EQ(value_of("a = b=c"), "b=c");
  EXPECT_EQ(value_of("a = x#y"), "x#y");
  EXPECT_EQ(value_of("a = \" x # y \" # comment"), " x # y ");
  EXPECT_EQ(value_of("a = \"q\\\"b\\\\s\\n\""), "q\"b\\s\\n");
  EXPECT_EQ(value_of("a = \"\""), "");
  EXPECT_EQ(value_of("a = it's \"fine\""), "it's \"fine\"");
}

TEST(IniTest, ProblemsHaveTheirLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"x\nno equals sign", "expected"}, {"a=1\n[broken", "section"},  {"a=1\n[]", "section"},
      {"a=1\n= value", "name"},          {"a=1\nb c = value", "name"}, {"a=1\nb = \"open", "quote"},
      {"a=1\nb = \"x\" y", "quote"},
  };
  for (const auto& [text, word] : cases) {
    const auto ini = parse_ini(text);
    ASSERT_FALSE(ini.problems.empty()) << text;
    EXPECT_EQ(ini.problems.back().line, 2) << text;
    EXPECT_NE(ini.problems.back().message.find(word), std::string::npos)
        << ini.problems.back().message;
  }
  EXPECT_EQ(parse_ini(std::string_view("a = \0b", 6)).problems.size(), 1u);
}

}  // namespace
}  // namespace starling::builder
