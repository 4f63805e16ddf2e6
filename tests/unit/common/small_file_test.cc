// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/small_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/temp_dir.h"

namespace starling {
namespace {

TEST(SmallFile, ReplacesTheWholeFileWithTheModeAsked) {
  TempDir dir;
  const auto path = dir.path() / "number";
  write_file_atomically(path, "12345\n", 0644);
  write_file_atomically(path, "7\n", 0600);
  EXPECT_EQ(read_small_file(path), "7\n");
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".new"));
}

TEST(SmallFile, AbsenceAndLimitAreOrdinary) {
  TempDir dir;
  EXPECT_EQ(read_small_file(dir.path() / "none"), std::nullopt);
  EXPECT_EQ(read_small_file(dir.path()), std::nullopt);
  write_file_atomically(dir.path() / "f", "abcdef", 0600);
  EXPECT_EQ(read_small_file(dir.path() / "f", 4), "abcd");
  EXPECT_THROW(write_file_atomically(dir.path() / "no" / "f", "x", 0600), std::system_error);
}

}  // namespace
}  // namespace starling
