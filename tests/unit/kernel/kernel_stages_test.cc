// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/kernel_stages.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "builder/config/config.h"
#include "builder/core/error.h"

namespace fs = std::filesystem;

namespace starling::builder {
namespace {

// A checkout and a cache with the state of a mirror recorded, as a build leaves them.
class KernelInputs : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/starling-kernel-XXXXXX";
    dir_ = mkdtemp(name);
    config_.source_dir = dir_ / "src";
    config_.cache_dir = dir_ / "cache";
    config_.profile = "minimal";
    write("src/kernel-config/starling.config", "CONFIG_HPC=y\n");
    write("src/kernel-config/patches/series", "1.patch\n2.patch\n");
    write("src/kernel-config/patches/1.patch", "one");
    write("src/kernel-config/patches/2.patch", "two");
    write("cache/persistent/apt-trixie/sources.list", "deb [] http://m trixie main\n");
    write("cache/persistent/apt-trixie/ready", "trixie \n");
    version("6.12.1-1");
  }
  void TearDown() override { fs::remove_all(dir_); }

  void write(const std::string& file, const std::string& text) {
    fs::create_directories((dir_ / file).parent_path());
    std::ofstream(dir_ / file) << text;
  }
  void version(const std::string& v) {
    const std::string answers = "cache/persistent/apt-trixie/answers/";
    write(answers + "version-linux-source", "6.12.1-1");
    write(answers + "depends-linux-source", "linux-source-6.12\n");
    write(answers + "version-linux-source-6.12", v);
  }
  std::string source() {
    Fingerprint fp;
    KernelSourceStage().read(config_, fp);
    return fp.digest();
  }
  std::string kernel() {
    Fingerprint fp;
    KernelStage().read(config_, fp);
    return fp.digest();
  }

  fs::path dir_;
  Config config_;
};

TEST_F(KernelInputs, TheSourceIsItsVersionAndPatchesInOrder) {
  const std::string before = source();
  EXPECT_EQ(source(), before);
  write("src/kernel-config/patches/series", "# a comment\n1.patch\n2.patch\n");
  EXPECT_EQ(source(), before);
  write("src/kernel-config/patches/series", "2.patch\n1.patch\n");
  EXPECT_NE(source(), before);
  write("src/kernel-config/patches/series", "1.patch\n2.patch\n");
  write("src/kernel-config/patches/2.patch", "two and more");
  EXPECT_NE(source(), before);
  write("src/kernel-config/patches/2.patch", "two");
  EXPECT_EQ(source(), before);
  version("6.12.2-1");
  EXPECT_NE(source(), before);
}

TEST_F(KernelInputs, AUsersPatchCounts) {
  const std::string before = source();
  write("user.patch", "mine");
  config_.kernel_patches = {dir_ / "user.patch"};
  const std::string with = source();
  EXPECT_NE(with, before);
  write("user.patch", "mine, changed");
  EXPECT_NE(source(), with);
  config_.kernel_patches = {dir_ / "none.patch"};
  EXPECT_THROW(source(), Error);
}

// The state of the mirror moves every day; only this package's version rebuilds a kernel.
TEST_F(KernelInputs, AnotherStateOfTheMirrorWithTheSameSourceChangesNothing) {
  const std::string before = source();
  write("cache/persistent/apt-trixie/state/lists/x_InRelease", "Date: later\n");
  write("cache/persistent/apt-trixie/release-date", "9\n");
  EXPECT_EQ(source(), before);
  EXPECT_FALSE(KernelSourceStage().dated());
  EXPECT_FALSE(KernelStage().dated());
}

TEST_F(KernelInputs, TheKernelIsItsFragmentsAndPackages) {
  const std::string before = kernel();
  write("src/kernel-config/starling.config", "CONFIG_HPC=n\n");
  EXPECT_NE(kernel(), before);
  write("src/kernel-config/starling.config", "CONFIG_HPC=y\n");
  EXPECT_EQ(kernel(), before);
  config_.profile = "classroom";
  EXPECT_EQ(kernel(), before);
  config_.profile = "dev";  // headers too
  EXPECT_NE(kernel(), before);
  config_.profile = "minimal";
  write("a.config", "CONFIG_KVM=m\n");
  write("b.config", "# CONFIG_KVM is not set\n");
  config_.kernel_config = {dir_ / "a.config", dir_ / "b.config"};
  const std::string ab = kernel();
  EXPECT_NE(ab, before);
  config_.kernel_config = {dir_ / "b.config", dir_ / "a.config"};
  EXPECT_NE(kernel(), ab);
  config_.kernel_config = {dir_ / "none.config"};
  EXPECT_THROW(kernel(), Error);
}

TEST_F(KernelInputs, AreNotAskedOfTheNetworkByAPlan) {
  fs::remove(dir_ / "cache/persistent/apt-trixie/ready");
  EXPECT_NO_THROW(source());
}

}  // namespace
}  // namespace starling::builder
