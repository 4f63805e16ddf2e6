// SPDX-License-Identifier: GPL-2.0-or-later
// Every feature program passes natively, a test a group, and the documentation lists all of them.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include "tests/lab/move/trial.h"

namespace starling::lab {
namespace {

std::vector<std::string> groups() {
  std::set<std::string> names;
  for (const Program& p : feature_programs()) names.insert(p.group);
  return {names.begin(), names.end()};
}

class Features : public testing::TestWithParam<std::string> {};

TEST_P(Features, PassNatively) {
  for (const Program& program : feature_programs()) {
    if (program.group != GetParam()) continue;
    const Trial trial(program, {});
    if (!trial.skipped().empty()) {
      std::cout << program.name << " " << trial.skipped() << "\n";
      continue;
    }
    EXPECT_EQ(trial.native().status, "exit 0") << program.name << ": " << trial.native().err;
    EXPECT_EQ(trial.native().err, "") << program.name;
    EXPECT_NE(trial.native().out, "") << program.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Groups, Features, testing::ValuesIn(groups()),
                         [](const auto& i) { return i.param; });

// The tables of docs/TESTING.md.
std::string tables() {
  std::ostringstream text;
  text << "| group | programs in tests/lab/features |\n|---|---|\n";
  size_t count = 0;
  for (const std::string& group : groups()) {
    text << "| " << group << " |";
    for (const Program& p : feature_programs()) {
      if (p.group != group) continue;
      text << " " << p.name;
      ++count;
    }
    text << " |\n";
  }
  text << "\n" << count << " programs. These may refuse to move, and then say why:\n\n";
  text << "| program | because |\n|---|---|\n";
  for (const Program& p : feature_programs()) {
    if (!p.may_stay.empty()) text << "| " << p.name << " | " << p.may_stay << " |\n";
  }
  text << "\n| program in tests/lab/move/programs | what | Debian package |\n|---|---|---|\n";
  for (const Program& p : real_programs()) {
    text << "| " << p.name << (p.soak_only ? " (soak only)" : "") << " | " << p.about << " | "
         << p.package << " |\n";
  }
  return text.str();
}

// STARLING_WRITE_DOCS=1 puts the present tables into the file instead.
TEST(FeatureTables, StandInTheDocumentation) {
  const std::string file = STARLING_TESTING_MD;
  std::ostringstream read;
  read << std::ifstream(file).rdbuf();
  std::string text = read.str();
  const std::string begin = "<!-- tables: begin -->\n", end = "<!-- tables: end -->";
  const size_t from = text.find(begin), to = text.find(end);
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos)
      << file << ": the lines '" << begin << "' and '" << end << "' are missing";
  const size_t start = from + begin.size();
  if (::getenv("STARLING_WRITE_DOCS")) {
    std::ofstream(file) << text.replace(start, to - start, tables());
    return;
  }
  EXPECT_EQ(text.substr(start, to - start), tables())
      << "run this test once with STARLING_WRITE_DOCS=1";
}

}  // namespace
}  // namespace starling::lab
