// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/election.h"

#include <algorithm>

namespace starling::netboot {

bool Election::update(Time now, int self, const std::vector<int>& alive) {
  const bool lowest = self > 0 && std::ranges::find(alive, self) != alive.end() &&
                      std::ranges::none_of(alive, [self](int n) { return n > 0 && n < self; });
  if (lowest && !lowest_) since_ = now;
  lowest_ = lowest;
  return lowest_ && now - since_ >= patience_;
}

}  // namespace starling::netboot
