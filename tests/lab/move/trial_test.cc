// SPDX-License-Identifier: GPL-2.0-or-later
// That the runner notices what it is there for, with rigs that do harm.
#include "tests/lab/move/trial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace starling::lab {
namespace {

using testing::HasSubstr;

class TrialTest : public testing::Test {
 protected:
  ~TrialTest() override { ::unsetenv("STARLING_MOVE_RIG"); }

  std::filesystem::path write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = scratch_.path() / name;
    std::ofstream(path) << text;
    std::filesystem::permissions(path, std::filesystem::perms(0755));
    return path;
  }

  Program program(const std::string& prepare, const std::string& run) {
    Program p;
    p.name = "example";
    p.package = "example-tools";
    p.script =
        write("example.sh", "case $1 in\nprepare) " + prepare + ";;\nrun) " + run + ";;\nesac\n");
    return p;
  }

  // A rig whose middle part is `harm`: it has the arguments of move_rig and ends with the command.
  void use_rig(const std::string& json, const std::string& harm) {
    const std::string script =
        "#!/bin/sh\nwhile [ \"$1\" != -- ]; do [ \"$1\" = --json ] && json=$2; shift; "
        "done\nshift\n";
    const std::string report = json.empty() ? "" : "echo '" + json + "' >\"$json\"\n";
    ::setenv("STARLING_MOVE_RIG", write("rig", script + report + harm + "exec \"$@\"\n").c_str(),
             1);
  }

  Scratch scratch_;
};

constexpr char kGood[] = R"({"moves": 3, "forwarded": 12, "refused": []})";

TEST_F(TrialTest, EqualRunsPass) {
  use_rig(kGood, "");
  Trial trial(program("echo in >in", "cat in; pwd; cp in out"), {});
  EXPECT_EQ(trial.native().status, "exit 0");
  RigReport report;
  EXPECT_EQ(trial.moved(1, report), "");
  EXPECT_EQ(report.moves, 3);
  EXPECT_EQ(report.forwarded, 12);
}

TEST_F(TrialTest, OneThatWasThroughBeforeItsFirstMoveIsRunAgain) {
  const std::string runs = (scratch_.path() / "runs").string();
  use_rig(
      R"({"moves": 0, "forwarded": 0, "refused": []})",
      "echo >>" + runs + "\n[ $(wc -l <" + runs + ") -lt 3 ] || echo '" + kGood + "' >\"$json\"\n");
  Trial trial(program("true", "true"), {});
  RigReport report;
  EXPECT_EQ(trial.moved(1, report), "");
  EXPECT_EQ(report.moves, 3);
  std::filesystem::remove(runs);
  use_rig(R"({"moves": 0, "forwarded": 0, "refused": [{}]})", "echo >>" + runs + "\n");
  EXPECT_EQ(trial.moved(1, report), "");
  EXPECT_EQ(std::filesystem::file_size(runs), 1u);  // a refusal without reason stands
}

TEST_F(TrialTest, OneChangedByteIsSeen) {
  use_rig(kGood, "printf x >>in\n");
  Trial trial(program("echo in >in", "cat in"), {});
  RigReport report;
  EXPECT_THAT(trial.moved(1, report), HasSubstr("stdout at byte 3"));
}

TEST_F(TrialTest, AnotherExitStatusIsSeen) {
  use_rig(kGood, "\"$@\"; exit 9\n");
  Trial trial(program("true", "true"), {});
  RigReport report;
  EXPECT_THAT(trial.moved(1, report), HasSubstr("natively: exit 0, moved: exit 9"));
}

TEST_F(TrialTest, AMissingReportIsSeen) {
  use_rig("", "");
  Trial trial(program("true", "true"), {});
  RigReport report;
  EXPECT_THAT(trial.moved(1, report), HasSubstr("move_rig wrote no report"));
}

TEST_F(TrialTest, AMissingToolSkipsAndNamesThePackage) {
  const Trial trial(program("echo no frobnicator; exit 77", "true"), {});
  EXPECT_THAT(trial.skipped(), HasSubstr("example-tools is not installed: no frobnicator"));
}

TEST_F(TrialTest, FailingToPrepareIsAnError) {
  EXPECT_THROW(Trial(program("exit 4", "true"), {}), std::runtime_error);
}

TEST_F(TrialTest, TheRigMayBePlacedInside) {
  use_rig(kGood, "");
  Program p = program("true", "[ -z \"$MOVE\" ] || $MOVE true; echo done");
  p.rig_inside = true;
  Trial trial(p, {});
  RigReport report;
  EXPECT_EQ(trial.moved(1, report), "");
  EXPECT_EQ(report.moves, 3);
}

TEST_F(TrialTest, ReportsWithReasonsAreRead) {
  const RigReport report = read_report(write(
      "r", R"({"moves": 0, "forwarded": 0, "refused": ["a", {"reason": "a", "count": 2}, {}]})"));
  EXPECT_EQ(report.refused, (std::map<std::string, int>{{"a", 3}, {"", 1}}));
  EXPECT_THROW(read_report(write("bad", "{}")), std::runtime_error);
  EXPECT_THROW(read_report(write("worse", "no json")), std::runtime_error);
}

TEST(Judge, AsksForMovesOrReasons) {
  Program mobile, sessile;
  sessile.may_stay = "it shares memory";
  EXPECT_EQ(judge(mobile, {2, 0, {}}), "");
  EXPECT_THAT(judge(mobile, {0, 0, {{"it maps a device", 4}}}), HasSubstr("it maps a device"));
  EXPECT_NE(judge(mobile, {2, 0, {{"", 1}}}), "");
  EXPECT_EQ(judge(sessile, {0, 0, {{"it shares memory with its child", 4}}}), "");
  EXPECT_NE(judge(sessile, {0, 0, {}}), "");
}

}  // namespace
}  // namespace starling::lab
