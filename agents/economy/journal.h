// SPDX-License-Identifier: GPL-2.0-or-later
// What was decided and why, with the costs in numbers: for `mosctl explain PID|NODE`.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "agents/economy/model.h"
#include "agents/economy/residency.h"

namespace starling::economy {

enum class Outcome : std::uint8_t {
  kAsked,    // a reservation was asked for
  kMoved,    // it went
  kRefused,  // the target had no room any more, or a better offer
  kFailed,   // the move itself did not succeed
  kStayed,   // looked at, and left where it is
};
const char* describe(Outcome outcome);

struct Decision {
  Time at{0};
  ProcessId process = 0;
  NodeId from = 0;
  NodeId to = 0;
  Cause cause = Cause::kBalance;
  Outcome outcome = Outcome::kAsked;
  Cost stay;         // what staying costs
  Cost there;        // what the best other place costs
  double ratio = 1;  // how many times cheaper it had to be
  Scale scale;
  std::string why;  // one sentence; may be empty
};

// A bounded record: the oldest is forgotten first.
class Journal {
 public:
  explicit Journal(std::size_t most = 256) : most_(most) {}

  void add(Decision decision);
  std::size_t size() const { return kept_.size(); }
  // Newest last.
  std::vector<Decision> of_process(ProcessId process, std::size_t most) const;
  std::vector<Decision> of_node(NodeId node, std::size_t most) const;

 private:
  std::size_t most_;
  std::deque<Decision> kept_;
};

// Several lines for people; `name` gives a node its name. Times are told as ages at `now`.
std::string render(const Decision& decision, Time now,
                   const std::function<std::string(NodeId)>& name);

}  // namespace starling::economy
