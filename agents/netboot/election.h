// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <vector>

namespace starling::netboot {

// Decides whether this node is the answerer: the one that answers DHCP. It is the lowest living
// number on the bulletin board, so all nodes agree without asking each other. A node begins only
// after it has been the lowest for a while without interruption, and stops at once: for a moment
// nobody answers, and a booting machine simply asks again.
class Election {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit Election(std::chrono::milliseconds patience) : patience_(patience) {}

  // What the board says now. `self` is this node's number (0: it has none), `alive` the numbers
  // of all living nodes, this one included. Gives whether this node answers.
  bool update(Time now, int self, const std::vector<int>& alive);
  // The board cannot be read: whoever is blind does not answer.
  bool blind() { return lowest_ = false; }

 private:
  std::chrono::milliseconds patience_;
  bool lowest_ = false;
  Time since_{};
};

}  // namespace starling::netboot
