// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/tools/node_choice.h"

#include <algorithm>
#include <tuple>

namespace starling::tools {

std::optional<unsigned> least_loaded(const nlohmann::json& nodes) {
  std::optional<std::tuple<double, bool, unsigned>> best;
  for (const auto& n : nodes) {
    const unsigned number = n.value("number", 0u);
    const double cpus = n.value("cpus", 0.0);
    const double speed = n.value("speed", 0.0);
    if (n.value("state", "") != "alive" || number == 0 || cpus < 1 || speed <= 0) continue;
    // Below one process a processor, nobody waits: only the speed counts.
    const double crowd = std::max(1.0, (n.value("load", 0.0) + 1) / cpus);
    const std::tuple<double, bool, unsigned> cost{crowd / speed, !n.value("self", false), number};
    if (!best || cost < *best) best = cost;
  }
  if (!best) return std::nullopt;
  return std::get<2>(*best);
}

}  // namespace starling::tools
