// SPDX-License-Identifier: GPL-2.0-or-later
// Which change makes which stage run again. The whole point of the split into layers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <functional>
#include <map>
#include <set>

#include "builder/config/config.h"
#include "builder/core/error.h"
#include "builder/stages/agents.h"
#include "builder/stages/image_stages.h"
#include "builder/stages/live_build.h"
#include "builder/stages/stages.h"
#include "builder/stages/tree.h"

namespace starling::builder {
namespace {

namespace fs = std::filesystem;
using testing::UnorderedElementsAre;

// A checkout just large enough to be fingerprinted.
struct StageInputs : testing::Test {
  fs::path dir;
  Config config;
  StageInputs() {
    std::string name = (fs::temp_directory_path() / "inputs-XXXXXX").string();
    if (!mkdtemp(name.data())) throw Error("mkdtemp");
    dir = name;
    config.profile = "minimal";
    config.source_dir = dir / "src";
    config.out_dir = dir / "out";
    config.cache_dir = dir / "cache";
    write_file(dir / "src/CMakeLists.txt", "project(x)");
    write_file(dir / "src/agents/a.cc", "int a;");
    write_file(dir / "src/iso/base.packages", "udev\n");
    write_file(dir / "src/overlay/etc/motd", "hello");
    write_file(dir / "src/kernel-config/starling.config", "CONFIG_X=y\n");
    write_file(dir / "src/kernel-config/patches/series", "1.patch\n");
    write_file(dir / "src/kernel-config/patches/1.patch", "diff\n");
    write_file(dir / "out/flock.key", std::string(64, 'a'));
  }
  ~StageInputs() override { fs::remove_all(dir); }

  std::map<std::string, std::string> digests() const {
    std::map<std::string, std::string> out;
    for (const auto& stage : all_stages()) {
      Fingerprint fp;
      stage->read(config, fp);
      out[stage->name()] = fp.digest();
    }
    return out;
  }
  // Stages whose own inputs differ after `change`.
  std::set<std::string> changed(const std::function<void()>& change) {
    const auto before = digests();
    change();
    std::set<std::string> out;
    for (const auto& [name, digest] : digests())
      if (before.at(name) != digest) out.insert(name);
    return out;
  }
};

TEST_F(StageInputs, AreTheSameTwice) { EXPECT_THAT(changed([] {}), UnorderedElementsAre()); }

TEST_F(StageInputs, FlockName) {
  // In the root file system and in the titles of the boot menus; no package, no initramfs.
  EXPECT_THAT(changed([&] { config.flock = "other"; }), UnorderedElementsAre("rootfs", "iso", "netboot"));
}

TEST_F(StageInputs, FlockKey) {
  EXPECT_THAT(changed([&] { write_file(dir / "out/flock.key", std::string(64, 'b')); }),
              UnorderedElementsAre("rootfs"));
}

TEST_F(StageInputs, OverlayFile) {
  EXPECT_THAT(changed([&] { write_file(dir / "src/overlay/etc/motd", "bye"); }),
              UnorderedElementsAre("rootfs"));
}

TEST_F(StageInputs, OverlayFileOfTheInitramfs) {
  EXPECT_THAT(changed([&] { write_file(dir / "src/overlay/etc/initramfs-tools/hooks/x", "#!/bin/sh\n"); }),
              UnorderedElementsAre("rootfs", "rootfs-system"));
}

TEST_F(StageInputs, AgentSource) {
  EXPECT_THAT(changed([&] { write_file(dir / "src/agents/a.cc", "int b;"); }),
              UnorderedElementsAre("agents"));
}

TEST_F(StageInputs, Package) {
  // The bootstrapped tree stays: it does not depend on the list.
  EXPECT_THAT(changed([&] { config.packages = {"nano"}; }), UnorderedElementsAre("rootfs-base"));
}

TEST_F(StageInputs, Compression) {
  EXPECT_THAT(changed([&] { config.compression_level = 19; }), UnorderedElementsAre("squashfs"));
}

TEST_F(StageInputs, BootParameters) {
  EXPECT_THAT(changed([&] { config.boot_parameters = {"x=y"}; }), UnorderedElementsAre("iso", "netboot"));
}

TEST_F(StageInputs, ThePatchedKernelIsNeededOnlyWhereItIsUsed) {
  RootfsSystemStage system;
  EXPECT_THAT(system.needs(config), UnorderedElementsAre("rootfs-base", "kernel", "agents"));
  config.kernel = KernelKind::debian;
  EXPECT_THAT(system.needs(config), UnorderedElementsAre("rootfs-base", "kernel-debian", "agents"));
}

TEST_F(StageInputs, PackageThatCannotBe) {
  config.packages = {"nano", "No Such"};
  try {
    wanted_packages(config);
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("No Such"), std::string::npos);
  }
}

TEST_F(StageInputs, SecurityArchiveOnlyFromTheMachinesOwnMirror) {
  const auto has = [](const std::vector<std::string>& o, const std::string& flag, const std::string& value) {
    for (size_t i = 0; i + 1 < o.size(); ++i)
      if (o[i] == flag && o[i + 1] == value) return true;
    return false;
  };
  EXPECT_TRUE(has(live_build_options(config, "http://m", "http://s"), "--security", "true"));
  EXPECT_TRUE(has(live_build_options(config, "http://m", ""), "--security", "false"));
  config.mirror = "http://m";
  EXPECT_TRUE(has(live_build_options(config, "http://m", "http://s"), "--security", "false"));
}

}  // namespace
}  // namespace starling::builder
