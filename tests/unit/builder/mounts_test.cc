// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/mounts.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <unistd.h>

#include "builder/core/error.h"
#include "tests/unit/temp_dir.h"

namespace starling::builder {
namespace {

namespace fs = std::filesystem;

TEST(MountsTest, RemovingATreeNeverFollowsABindMount) {
  if (geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  TempDir dir;
  dir.write("host/precious", "x");
  fs::create_directories(dir / "tree/a b/host");  // a space: mountinfo escapes it
  ASSERT_EQ(
      mount((dir / "host").c_str(), (dir / "tree/a b/host").c_str(), nullptr, MS_BIND, nullptr), 0);
  EXPECT_THAT(mounts_below(dir / "tree"), testing::ElementsAre(dir / "tree/a b/host"));
  remove_tree(dir / "tree");
  EXPECT_FALSE(fs::exists(dir / "tree"));
  EXPECT_TRUE(fs::exists(dir / "host/precious"));
}

TEST(MountsTest, NestedAndStackedMountsComeOffDeepestFirst) {
  if (geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  TempDir dir;
  fs::create_directory(dir / "m");
  fs::create_directory(dir / "m-not-below");
  for (int i = 0; i < 2; ++i) ASSERT_EQ(mount("none", (dir / "m").c_str(), "tmpfs", 0, nullptr), 0);
  fs::create_directory(dir / "m/sub");
  ASSERT_EQ(mount("none", (dir / "m/sub").c_str(), "tmpfs", 0, nullptr), 0);
  ASSERT_EQ(mount("none", (dir / "m-not-below").c_str(), "tmpfs", 0, nullptr), 0);
  EXPECT_EQ(unmount_below(dir / "m"), 3);
  EXPECT_TRUE(mounts_below(dir / "m").empty());
  EXPECT_EQ(unmount_below(dir / "m-not-below"), 1);
}

TEST(MountsTest, RemovingALinkRemovesTheLink) {
  TempDir dir;
  dir.write("target/file", "x");
  fs::create_directory_symlink(dir / "target", dir / "link");
  remove_tree(dir / "link");
  EXPECT_FALSE(fs::exists(fs::symlink_status(dir / "link")));
  EXPECT_TRUE(fs::exists(dir / "target/file"));
  remove_tree(dir / "nothing-there");
}

}  // namespace
}  // namespace starling::builder
