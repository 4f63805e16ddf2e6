// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/publish.h"

#include <sys/stat.h>

#include "tests/unit/builder/engine_fixture.h"

namespace starling::builder {
namespace {

namespace fs = std::filesystem;

class PublishTest : public testing::Test {
 protected:
  int run(std::vector<fs::path> trees) { return publish(trees, dir / "out", stat_cache, status); }
  ino_t inode(const std::string& name) {
    struct stat st {};
    stat((dir / name).c_str(), &st);
    return st.st_ino;
  }
  TempDir dir;
  StatCache stat_cache;
  RecordingStatus status;
};

TEST_F(PublishTest, CopiesOnceAndOnlyWhatChanged) {
  dir.write("iso/x.iso", "image");
  dir.write("net/netboot/live/vmlinuz", "kernel");
  EXPECT_EQ(run({dir / "iso", dir / "net"}), 2);
  EXPECT_EQ(read_text(dir / "out/netboot/live/vmlinuz"), "kernel");
  EXPECT_NE(inode("out/x.iso"), inode("iso/x.iso")) << "writing to the copy would change the cache";
  const auto before = inode("out/x.iso");
  EXPECT_EQ(run({dir / "iso", dir / "net"}), 0);
  dir.write("net/netboot/live/vmlinuz", "KERNEL");
  EXPECT_EQ(run({dir / "iso", dir / "net"}), 1);
  EXPECT_EQ(inode("out/x.iso"), before);
  EXPECT_EQ(read_text(dir / "out/netboot/live/vmlinuz"), "KERNEL");
}

TEST_F(PublishTest, MendsWhatSomebodyChangedAndKeepsTheMode) {
  chmod(dir.write("iso/x.iso", "image").c_str(), 0640);
  run({dir / "iso"});
  dir.write("out/x.iso", "IMAGE");
  EXPECT_EQ(run({dir / "iso"}), 1);
  EXPECT_EQ(read_text(dir / "out/x.iso"), "image");
  EXPECT_EQ(fs::status(dir / "out/x.iso").permissions(), fs::perms(0640));
}

TEST_F(PublishTest, RemovesItsOwnOldFilesAndNobodyElses) {
  dir.write("one/old.iso", "1");
  dir.write("one/netboot/deep/file", "1");
  dir.write("two/new.iso", "2");
  dir.write("out/flock.key", "mine");
  run({dir / "one"});
  EXPECT_EQ(run({dir / "two"}), 3);
  EXPECT_FALSE(fs::exists(dir / "out/old.iso"));
  EXPECT_FALSE(fs::exists(dir / "out/netboot"));
  EXPECT_EQ(read_text(dir / "out/flock.key"), "mine");
}

TEST_F(PublishTest, ListThatLeadsOutsideRemovesNothing) {
  const auto precious = dir.write("precious", "x");
  dir.write("out/.starling-published", "../precious\n" + precious.string() + "\n");
  dir.write("one/a", "1");
  run({dir / "one"});
  EXPECT_TRUE(fs::exists(precious));
}

TEST_F(PublishTest, TwoStagesWithOneNameAreAnError) {
  dir.write("one/a", "1");
  dir.write("two/a", "2");
  EXPECT_THROW(run({dir / "one", dir / "two"}), Error);
}

}  // namespace
}  // namespace starling::builder
