// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "builder/core/stage.h"

namespace starling::builder {

// Compiles the agents of this checkout and packs them. Makes starling_<version>_<arch>.deb.
class AgentsStage : public Stage {
 public:
  std::string name() const override { return "agents"; }
  std::string purpose() const override { return "compile and pack the agents"; }
  std::vector<std::string> needs(const Config&) const override { return {}; }
  void read(const Config&, Fingerprint&) const override;
  void run(StageContext&) const override;
};

}  // namespace starling::builder
