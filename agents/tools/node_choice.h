// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

namespace starling::tools {

// The node of the daemon's answer to "nodes" where one more process would find most of a processor:
// the least (load + 1) / processors for its speed. At a tie this node, where nothing has to move,
// then the lowest number. nullopt when no living node has told its figures.
std::optional<unsigned> least_loaded(const nlohmann::json& nodes);

}  // namespace starling::tools
