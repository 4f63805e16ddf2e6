// SPDX-License-Identifier: GPL-2.0-or-later
// Every feature program and every real program, natively and then moved to and fro at random
// moments: stdout, stderr, exit status and files must be the same, byte for byte.
#include <gtest/gtest.h>

#include "tests/lab/move/trial.h"

namespace starling::lab {
namespace {

std::vector<Program> all_programs() {
  std::vector<Program> programs = feature_programs();
  for (Program& p : real_programs()) {
    if (!p.soak_only) programs.push_back(std::move(p));
  }
  return programs;
}

class Moved : public testing::TestWithParam<Program> {};

TEST_P(Moved, ShowsWhatItShowsNatively) {
  const Program& program = GetParam();
  Plan plan;
  if (!program.script.empty()) plan.interval = std::chrono::milliseconds(40);
  Trial trial(program, plan);
  if (!trial.skipped().empty()) GTEST_SKIP() << trial.skipped();
  ASSERT_EQ(trial.native().status, "exit 0") << trial.native().out << trial.native().err;
  ASSERT_TRUE(std::filesystem::exists(rig()))
      << rig() << " is missing: build target move_rig, or set STARLING_MOVE_RIG";
  RigReport report;
  EXPECT_EQ(trial.moved(plan.seed, report), "");
  EXPECT_EQ(judge(program, report), "");
  RecordProperty("moves", report.moves);
  RecordProperty("forwarded", report.forwarded);
}

INSTANTIATE_TEST_SUITE_P(Programs, Moved, testing::ValuesIn(all_programs()),
                         [](const auto& i) { return i.param.name; });

}  // namespace
}  // namespace starling::lab
