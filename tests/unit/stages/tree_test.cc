// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/tree.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "builder/core/error.h"

namespace starling::builder {
namespace {

namespace fs = std::filesystem;

struct TreeTest : testing::Test {
  fs::path dir, from, to;
  TreeTest() {
    std::string name = (fs::temp_directory_path() / "tree-XXXXXX").string();
    if (!mkdtemp(name.data())) throw Error("mkdtemp");
    dir = name;
    from = dir / "from";
    to = dir / "to";
    fs::create_directories(from);
    fs::create_directories(to);
  }
  ~TreeTest() override { fs::remove_all(dir); }
  unsigned mode(const fs::path& p) const { return static_cast<unsigned>(fs::status(p).permissions()); }
};

TEST_F(TreeTest, MergesDirectoriesAndReplacesFiles) {
  write_file(to / "etc/motd", "old");
  write_file(to / "etc/kept", "kept");
  fs::create_symlink("/nowhere", to / "etc/link");
  write_file(from / "etc/motd", "new");
  write_file(from / "etc/link", "a file now");
  lay_tree(from, to, Modes::as_they_are, 1000);
  EXPECT_EQ(read_file(to / "etc/motd"), "new");
  EXPECT_EQ(read_file(to / "etc/kept"), "kept");
  EXPECT_EQ(read_file(to / "etc/link"), "a file now");
  EXPECT_FALSE(fs::is_symlink(to / "etc/link"));
  struct stat st {};
  ASSERT_EQ(stat((to / "etc/motd").c_str(), &st), 0);
  EXPECT_EQ(st.st_mtime, 1000);
}

TEST_F(TreeTest, WritesThroughRelativeDirectoryLinksOnly) {
  fs::create_directories(to / "usr/lib");
  fs::create_directory_symlink("usr/lib", to / "lib");
  write_file(from / "lib/x", "x");
  lay_tree(from, to, Modes::from_git, 1);
  EXPECT_EQ(read_file(to / "usr/lib/x"), "x");
  fs::create_directory_symlink("/tmp", to / "out");
  write_file(from / "out/x", "x");
  EXPECT_THROW(lay_tree(from, to, Modes::from_git, 1), Error);
  EXPECT_FALSE(fs::exists("/tmp/x"));
}

TEST_F(TreeTest, ACheckoutsModesDoNotDependOnTheUmask) {
  write_file(from / "a", "x", 0664);
  write_file(from / "b", "x", 0775);
  write_file(from / "c", "x", 0600);
  lay_tree(from, to, Modes::from_git, 1);
  EXPECT_EQ(mode(to / "a"), 0644u);
  EXPECT_EQ(mode(to / "b"), 0755u);
  EXPECT_EQ(mode(to / "c"), 0644u);
}

TEST_F(TreeTest, APersonsModesStay) {
  write_file(from / "d/secret", "x", 0600);
  fs::permissions(from / "d", fs::perms(0700));
  lay_tree(from, to, Modes::as_they_are, 1);
  EXPECT_EQ(mode(to / "d/secret"), 0600u);
  EXPECT_EQ(mode(to / "d"), 0700u);
}

TEST_F(TreeTest, RefusesWhatAnImageCannotHold) {
  ASSERT_EQ(mkfifo((from / "pipe").c_str(), 0600), 0);
  EXPECT_THROW(lay_tree(from, to, Modes::as_they_are, 1), Error);
}

TEST_F(TreeTest, AFileNeverReplacesADirectory) {
  fs::create_directories(to / "etc");
  write_file(from / "etc", "x");
  EXPECT_THROW(lay_tree(from, to, Modes::as_they_are, 1), Error);
}

TEST_F(TreeTest, AMissingTreeIsEmpty) {
  EXPECT_NO_THROW(lay_tree(dir / "missing", to, Modes::as_they_are, 1));
  EXPECT_TRUE(fs::is_empty(to));
}

}  // namespace
}  // namespace starling::builder
