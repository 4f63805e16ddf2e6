// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "builder/core/stage.h"

namespace starling::builder {

// `kernel = debian`: the kernel package Debian's suite has. Makes linux-image-*.deb.
class KernelDebianStage : public Stage {
 public:
  std::string name() const override { return "kernel-debian"; }
  std::string purpose() const override { return "fetch Debian's kernel"; }
  std::vector<std::string> needs(const Config&) const override { return {}; }
  void prepare(const Config&) const override;
  void read(const Config&, Fingerprint&) const override;
  void run(StageContext&) const override;
};

}  // namespace starling::builder
