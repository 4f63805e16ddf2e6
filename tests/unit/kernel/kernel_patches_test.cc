// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/kernel_patches.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "builder/core/error.h"

namespace fs = std::filesystem;

namespace starling::builder {
namespace {

class Series : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/starling-series-XXXXXX";
    dir_ = mkdtemp(name);
    std::ofstream(dir_ / "0001-a.patch") << "a";
    std::ofstream(dir_ / "0002-b.patch") << "b";
  }
  void TearDown() override { fs::remove_all(dir_); }
  fs::path dir_;
};

TEST_F(Series, KeepsTheOrderAndSkipsComments) {
  const auto patches = parse_series("# why\n\n 0002-b.patch # last year's\n0001-a.patch\r\n",
                                    dir_ / "series");
  ASSERT_EQ(patches.size(), 2u);
  EXPECT_EQ(patches[0], dir_ / "0002-b.patch");
  EXPECT_EQ(patches[1], dir_ / "0001-a.patch");
}

TEST_F(Series, NamesTheLineOfAMissingPatch) {
  try {
    parse_series("0001-a.patch\n0003-c.patch\n", dir_ / "series");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.file, (dir_ / "series").string() + ":2");
  }
}

TEST(PatchOutput, NamesTheFileOfTheFirstFailingHunk) {
  const auto f = parse_patch_output(
      "patching file drivers/Kconfig\n"
      "Hunk #1 succeeded at 77 (offset 6 lines).\n"
      "patching file drivers/Makefile\n"
      "Hunk #1 FAILED at 88.\n"
      "1 out of 1 hunk FAILED\n"
      "patching file MAINTAINERS\n"
      "Hunk #1 FAILED at 10405.\n");
  EXPECT_EQ(f.file, "drivers/Makefile");
  EXPECT_EQ(f.hunk, "Hunk #1 FAILED at 88.");
}

TEST(PatchOutput, NamesAFileThatIsNotThere) {
  const auto f = parse_patch_output(
      "can't find file to patch at input line 5\n"
      "Perhaps you used the wrong -p or --strip option?\n"
      "The text leading up to this was:\n"
      "--------------------------\n"
      "|diff --git a/fs/gone.c b/fs/gone.c\n"
      "|index 1..2 100644\n"
      "|--- a/fs/gone.c\n"
      "|+++ b/fs/gone.c\n"
      "--------------------------\n"
      "No file to patch.  Skipping patch.\n"
      "1 out of 1 hunk ignored\n");
  EXPECT_EQ(f.file, "fs/gone.c");
  EXPECT_EQ(f.hunk, "can't find file to patch at input line 5");
}

TEST(PatchOutput, KnowsAFileThatIsNoPatch) {
  const auto f = parse_patch_output("patch: **** Only garbage was found in the patch input.\n");
  EXPECT_EQ(f.file, "");
  EXPECT_EQ(f.hunk, "patch: **** Only garbage was found in the patch input.");
}

}  // namespace
}  // namespace starling::builder
