// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/move/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace starling::lab {
namespace {

using testing::HasSubstr;

Command shell(const Scratch& scratch, const std::string& script) {
  Command c;
  c.argv = {"/bin/sh", "-c", script};
  c.environment = {{"PATH", "/usr/bin:/bin"}, {"COLOUR", "black"}};
  c.directory = scratch.path();
  return c;
}

TEST(Run, GivesStatusOutputAndFiles) {
  const Scratch scratch;
  const Outcome o =
      run(shell(scratch, "echo out $COLOUR; echo err >&2; mkdir d; echo f >d/f; exit 3"));
  EXPECT_EQ(o.status, "exit 3");
  EXPECT_EQ(o.out, "out black\n");
  EXPECT_EQ(o.err, "err\n");
  EXPECT_EQ(o.files, (std::map<std::string, std::string>{{"d/f", "f\n"}}));
}

TEST(Run, InheritsNoEnvironmentAndNoInput) {
  ASSERT_EQ(setenv("STARLING_SECRET", "here", 1), 0);
  const Scratch scratch;
  EXPECT_EQ(run(shell(scratch, "echo \"[$STARLING_SECRET]\"; cat")).out, "[]\n");
}

TEST(Run, TellsTheSignalThatEndedIt) {
  const Scratch scratch;
  EXPECT_EQ(run(shell(scratch, "kill -TERM $$")).status, "signal 15");
}

TEST(Run, SaysWhenThereIsNoSuchProgram) {
  const Scratch scratch;
  Command c = shell(scratch, "");
  c.argv = {"/no/such/program"};
  const Outcome o = run(c);
  EXPECT_EQ(o.status, "exit 127");
  EXPECT_THAT(o.err, HasSubstr("/no/such/program: No such file"));
}

TEST(Run, EndsWhatHangsWithItsChildren) {
  const Scratch scratch;
  Command c = shell(scratch, "echo begun; sleep 1000 & wait");
  c.limit = std::chrono::seconds(1);
  const Outcome o = run(c);
  EXPECT_EQ(o.status, "still running after 1 s");
  EXPECT_EQ(o.out, "begun\n");
}

TEST(Difference, IsEmptyForEqualOutcomes) {
  const Outcome a{"exit 0", "x", "", {{"f", "1"}}};
  EXPECT_EQ(difference(a, a), "");
}

TEST(Difference, NamesStatusStreamAndFile) {
  const Outcome a{"exit 0", "abc", "", {{"kept", "1"}, {"lost", "2"}, {"changed", "3"}}};
  const Outcome b{"signal 11", "abd", "oops", {{"kept", "1"}, {"changed", "4"}, {"new", "5"}}};
  const std::string text = difference(a, b);
  EXPECT_THAT(text, HasSubstr("natively: exit 0, moved: signal 11"));
  EXPECT_THAT(text, HasSubstr("stdout at byte 2 of 3 and 3"));
  EXPECT_THAT(text, HasSubstr("stderr at byte 0 of 0 and 4"));
  EXPECT_THAT(text, HasSubstr("file lost: missing"));
  EXPECT_THAT(text, HasSubstr("file changed at byte 0"));
  EXPECT_THAT(text, HasSubstr("file new: only after"));
  EXPECT_THAT(text, testing::Not(HasSubstr("kept")));
}

}  // namespace
}  // namespace starling::lab
