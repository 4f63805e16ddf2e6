// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/private_apt.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "builder/core/error.h"

namespace fs = std::filesystem;

namespace starling::builder {
namespace {

TEST(DebianMirror, IsTheFirstOfEachKindThatIsDebians) {
  const auto m = pick_debian_mirror(
      "Docker|bookworm|https://docker.example/linux/debian/\n"
      "Debian|bookworm-updates|http://one.example/debian/\n"
      "Debian|bookworm|http://two.example/debian/\n"
      "Debian|bookworm-security|http://sec.example/debian-security/\n"
      "Node Source|nodistro|https://node.example/\n");
  EXPECT_EQ(m.main, "http://one.example/debian/");
  EXPECT_EQ(m.security, "http://sec.example/debian-security/");
}

// A machine that never ran `apt-get update`: apt does not know whose repository it is.
TEST(DebianMirror, WithoutListsTheReleaseDecides) {
  for (const char* unknown : {"", "$(ORIGIN)"}) {
    const std::string o = unknown;
    const auto m = pick_debian_mirror(o + "|stables|http://bad.example/\n" + o +
                                      "|jammy|http://other.example/\n" + o +
                                      "|trixie/updates|http://sub.example/\n" + o +
                                      "|trixie|http://good.example/debian/\n");
    EXPECT_EQ(m.main, "http://sub.example/");
    EXPECT_EQ(m.security, "");
  }
}

TEST(DebianMirror, NoneIsNone) {
  EXPECT_EQ(pick_debian_mirror("").main, "");
  EXPECT_EQ(pick_debian_mirror("Ubuntu|noble|http://u.example/\nrubbish\n").main, "");
}

class State : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/starling-apt-XXXXXX";
    dir_ = mkdtemp(name);
  }
  void TearDown() override { fs::remove_all(dir_); }
  fs::path dir_;
};

TEST_F(State, AnUnreachableMirrorIsAnErrorThatCanBeReplayedAndLeavesNothingRecorded) {
  // Port 1 of this machine: refused at once, without a network.
  PrivateApt apt("trixie", "http://127.0.0.1:1/debian", dir_ / "apt");
  EXPECT_FALSE(apt.ready());
  try {
    apt.update();
    FAIL() << "a mirror that does not answer was accepted";
  } catch (const Error& e) {
    EXPECT_NE(e.command.find("apt-get"), std::string::npos) << e.command;
    EXPECT_EQ(e.log, dir_ / "apt/apt.log");
    EXPECT_NE(e.next_step.find("http://127.0.0.1:1/debian"), std::string::npos) << e.next_step;
  }
  EXPECT_FALSE(apt.ready());
  EXPECT_THROW(apt.version("live-build"), Error);
  EXPECT_THROW(apt.state(), Error);
}

TEST_F(State, IsThatOfOneMirrorAndSuite) {
  // As a successful update leaves it.
  std::ofstream(dir_ / "sources.list") << "deb [signed-by=/k] http://m.example/debian trixie main\n";
  std::ofstream(dir_ / "ready") << "trixie http://m.example/debian\n";
  fs::create_directories(dir_ / "answers");
  std::ofstream(dir_ / "answers/version-live-build") << "1:20250505";
  std::ofstream(dir_ / "answers/depends-live-build") << "debootstrap (>= 1.0), cpio | pax, file\n";

  const PrivateApt apt("trixie", "http://m.example/debian", dir_);
  EXPECT_TRUE(apt.ready());
  EXPECT_EQ(apt.mirror().main, "http://m.example/debian");
  EXPECT_EQ(apt.version("live-build"), "1:20250505");
  EXPECT_EQ(apt.depends("live-build"), (std::vector<std::string>{"debootstrap", "cpio", "file"}));
  EXPECT_FALSE(PrivateApt("trixie", "http://n.example/debian", dir_).ready());
  EXPECT_FALSE(PrivateApt("trixie", "", dir_).ready());
  EXPECT_FALSE(PrivateApt("sid", "http://m.example/debian", dir_).ready());
}

TEST_F(State, ADownloadIsNotRepeated) {
  std::ofstream(dir_ / "sources.list") << "deb [signed-by=/k] http://127.0.0.1:1/ trixie main\n";
  std::ofstream(dir_ / "ready") << "trixie http://127.0.0.1:1/\n";
  fs::create_directories(dir_ / "answers");
  fs::create_directories(dir_ / "debs");
  std::ofstream(dir_ / "answers/version-live-build") << "1:20250505";
  std::ofstream(dir_ / "debs/live-build_1%3a20250505_all.deb") << "x";
  const PrivateApt apt("trixie", "http://127.0.0.1:1/", dir_);
  EXPECT_EQ(apt.download("live-build"), dir_ / "debs/live-build_1%3a20250505_all.deb");
}

}  // namespace
}  // namespace starling::builder
