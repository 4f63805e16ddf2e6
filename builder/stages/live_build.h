// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "builder/core/stage.h"

namespace starling::builder {

// live-build of the suite being built, unpacked for one run of a stage. The machine's own live-build
// (often older, or absent) is never used.
class LiveBuild {
 public:
  // Downloads and unpacks live-build and makes work_dir() below scratch. Throws Error as PrivateApt.
  explicit LiveBuild(StageContext& ctx);

  // Where `lb` runs: config/, chroot/, cache/.
  const std::filesystem::path& work_dir() const { return work_; }
  // `lb config` with our options, then a person's own config/ tree laid over what it made.
  void configure();
  // `lb VERB` in a mount namespace of its own: what it mounts ends with it. Throws Error, naming
  // an unknown package where that is the cause.
  void run(const std::string& verb);

 private:
  Command lb(std::vector<std::string> argv);

  StageContext& ctx_;
  std::filesystem::path program_, work_;
};

// `lb config` arguments for a mirror; `security` may be empty. Exposed for tests.
std::vector<std::string> live_build_options(const Config& config, const std::string& mirror,
                                            const std::string& security);

// What debootstrap installs, before any configuration. Makes chroot/.
class BootstrapStage : public Stage {
 public:
  std::string name() const override { return "bootstrap"; }
  std::string purpose() const override { return "bootstrap Debian with live-build"; }
  std::vector<std::string> needs(const Config&) const override { return {}; }
  void read(const Config&, Fingerprint&) const override;
  void run(StageContext&) const override;
  void prepare(const Config&) const override;
};

// All packages of the image but kernel and agents, by live-build's chroot stage. Makes tree/.
class RootfsBaseStage : public Stage {
 public:
  std::string name() const override { return "rootfs-base"; }
  std::string purpose() const override { return "install the image's packages with live-build"; }
  std::vector<std::string> needs(const Config&) const override { return {"bootstrap"}; }
  void read(const Config&, Fingerprint&) const override;
  void run(StageContext&) const override;
};

// Every package asked for: iso/base.packages, the profile, the config and a live-build tree's own
// lists are not among them (live-build reads those itself).
std::vector<std::string> wanted_packages(const Config& config);

}  // namespace starling::builder
