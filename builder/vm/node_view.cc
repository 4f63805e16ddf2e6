// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/node_view.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "builder/core/error.h"

namespace starling::vm {

int NodeView::alive() const {
  return static_cast<int>(
      std::ranges::count_if(nodes, [](const auto& n) { return n.second.state == "alive"; }));
}

std::string NodeView::state(int number) const {
  const auto found = nodes.find(number);
  return found == nodes.end() ? "unknown" : found->second.state;
}

NodeView parse_node_view(const std::string& json_text) {
  using nlohmann::json;
  const auto answer = json::parse(json_text, nullptr, false);
  if (!answer.is_object() || !answer.contains("nodes") || !answer["nodes"].is_array())
    throw builder::Error("not a list of nodes: " + json_text);
  NodeView view;
  try {
    for (const auto& entry : answer["nodes"]) {
      NodeView::Node node;
      node.number = entry.at("number").get<int>();
      node.state = entry.at("state").get<std::string>();
      node.image = entry.value("image", "");
      if (entry.value("self", false)) view.self = node.number;
      view.nodes[node.number] = node;
    }
    if (answer.contains("self") && answer["self"].is_number())
      view.self = answer["self"].get<int>();
  } catch (const json::exception& e) {
    throw builder::Error(std::string("not a list of nodes: ") + e.what());
  }
  return view;
}

}  // namespace starling::vm
