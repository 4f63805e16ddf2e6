// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "builder/core/stage.h"

namespace starling::builder {

// Debian's kernel source package of the suite, with our series and the user's patches applied.
// Makes linux/ and source.json {package, version, date, patches: [{name, sha256}]}, where date
// (seconds since the epoch) is that of the package's changelog.
//
// Its prepare() records the state of the Debian mirror (PrivateApt) for the whole build.
class KernelSourceStage : public Stage {
 public:
  std::string name() const override { return "kernel-source"; }
  std::string purpose() const override { return "fetch and patch the kernel source"; }
  std::vector<std::string> needs(const Config&) const override { return {}; }
  void prepare(const Config&) const override;
  void read(const Config&, Fingerprint&) const override;
  void run(StageContext&) const override;
  bool dated() const override { return false; }
};

// The kernel as Debian packages. Makes linux-image-RELEASE_VERSION_ARCH.deb (under the profile
// "dev" linux-headers too), config, and kernel.json {release, version, image, headers?, source,
// config_sha256, fragments: [{name, sha256}], patches: [{name, sha256}]}.
//
// Dated by its source, not by the build: a newer release date of the mirror does not rebuild it.
class KernelStage : public Stage {
 public:
  std::string name() const override { return "kernel"; }
  std::string purpose() const override { return "build the patched kernel"; }
  std::vector<std::string> needs(const Config&) const override { return {"kernel-source"}; }
  void read(const Config&, Fingerprint&) const override;
  void run(StageContext&) const override;
  bool dated() const override { return false; }
};

}  // namespace starling::builder
