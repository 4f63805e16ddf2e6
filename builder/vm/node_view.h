// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>

namespace starling::vm {

// The flock as one node sees it: what `mosctl nodes --json` prints there.
struct NodeView {
  struct Node {
    int number = 0;
    std::string state;  // "alive", "suspect", "dead", "left" ...
    std::string image;  // image id
  };
  int self = 0;               // the number of the node that was asked
  std::map<int, Node> nodes;  // by number

  int alive() const;
  // The state of a node, or "unknown" for one that is not on the list.
  std::string state(int number) const;
};

// Throws builder::Error with the text when it is not what mosctl prints.
NodeView parse_node_view(const std::string& json_text);

}  // namespace starling::vm
