// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <vector>

#include "agents/netboot/rivals.h"

namespace starling::netboot {

// Decides whether this node is the answerer: the one that answers DHCP. It is the living node with
// the lowest number on the bulletin board of those that have all boot files. Everybody sees the
// same board, and whether a lower node is ready is asked of that node itself (Rivals).
//
// A node begins only after it has known for a while without interruption that it is the one, and
// stops at once when a lower node is ready, which waits as long before it begins: for a moment
// nobody answers, and a booting machine simply asks again. While a lower node has not said yet
// whether it is ready, nothing changes: one that has just joined must not silence the answerer.
class Election {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit Election(std::chrono::milliseconds patience) : patience_(patience) {}

  // `self`: this node's number (0: it has none); `ready`: it has all boot files; `alive`: the
  // numbers of all living nodes, this one included; `lower`: how it stands with each that is lower
  // than this one. Gives whether this node answers.
  bool update(Time now, int self, bool ready, const std::vector<int>& alive,
              const std::vector<Readiness>& lower);
  // The board cannot be read: whoever is blind does not answer.
  bool blind() { return waiting_ = answering_ = false; }

 private:
  std::chrono::milliseconds patience_;
  bool waiting_ = false;  // it is this node's turn since `since_`
  bool answering_ = false;
  Time since_{};
};

}  // namespace starling::netboot
