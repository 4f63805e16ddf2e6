// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "builder/core/stage.h"

namespace starling::builder {

// The stages one build consists of: the published ones and all they need, each after what it
// needs. Throws Error on a cycle, on a need that no stage meets and on two stages of one name.
// Indices in `needs` point into `stages`.
struct StageGraph {
  std::vector<const Stage*> stages;
  std::vector<std::vector<size_t>> needs;
};
StageGraph make_graph(const std::vector<std::unique_ptr<Stage>>& all, const Config& config);

}  // namespace starling::builder
