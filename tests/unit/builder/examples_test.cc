// SPDX-License-Identifier: GPL-2.0-or-later
// Every profile and every example config must pass the check that users run.
#include <gmock/gmock.h>

#include "builder/config/options.h"
#include "builder/config/validate.h"
#include "tests/unit/temp_dir.h"

namespace starling::builder {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = STARLING_SOURCE_DIR;

LoadedConfig load(const fs::path& config, const std::string& profile = {}) {
  LoadRequest request;
  request.source_dir = kSource;
  request.working_dir = "/nowhere";
  request.config_file = config;
  if (!profile.empty())
    request.command_line.push_back({"profile", profile, "command line", "", request.working_dir});
  auto loaded = load_config(request);
  validate(loaded);
  return loaded;
}

std::string text(const LoadedConfig& loaded) {
  std::string all;
  for (const auto& p : loaded.problems) all += p.file.string() + ": " + p.what() + "\n";
  return all;
}

TEST(ExamplesTest, EveryExampleIsAccepted) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(kSource / "builder/examples")) {
    if (entry.path().extension() != ".ini") continue;
    EXPECT_EQ(text(load(entry.path())), "") << entry.path();
    ++count;
  }
  EXPECT_GE(count, 5);
}

TEST(ExamplesTest, EveryProfileIsAcceptedAndHasTheSmallersPackages) {
  const auto minimal = load({}, "minimal"), classroom = load({}, "classroom"),
             dev = load({}, "dev");
  for (const auto* l : {&minimal, &classroom, &dev}) EXPECT_EQ(text(*l), "");
  EXPECT_GT(classroom.config.packages.size(), minimal.config.packages.size());
  EXPECT_GT(dev.config.packages.size(), classroom.config.packages.size());
  for (const auto& p : minimal.config.packages)
    EXPECT_THAT(dev.config.packages, testing::Contains(p));
}

TEST(ExamplesTest, TheManualHasEveryOption) {
  const std::string manual = read_text(kSource / "docs/clusterbuild.1");
  for (const auto& spec : option_specs())
    EXPECT_THAT(manual, testing::HasSubstr(std::string("\n.It Cm ") + spec.name + " "));
}

TEST(ExamplesTest, ExamplesSayWhatTheirNamesPromise) {
  const auto examples = kSource / "builder/examples";
  EXPECT_EQ(load(examples / "debian-kernel.ini").config.kernel, KernelKind::debian);
  EXPECT_EQ(load(examples / "kernel-patch.ini").config.kernel_patches.size(), 1u);
  EXPECT_EQ(load(examples / "kernel-patch.ini").config.kernel_config.size(), 1u);
  EXPECT_EQ(load(examples / "overlay.ini").config.overlays.size(), 1u);
  EXPECT_EQ(load(examples / "overlay.ini").config.hooks.size(), 1u);
  EXPECT_FALSE(load(examples / "live-build.ini").config.live_build_config.empty());
}

}  // namespace
}  // namespace starling::builder
