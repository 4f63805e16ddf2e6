// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/election.h"

#include <algorithm>

namespace starling::netboot {

bool Election::update(Time now, int self, bool ready, const std::vector<int>& alive,
                      const std::vector<Readiness>& lower) {
  const auto any = [&lower](Readiness r) { return std::ranges::find(lower, r) != lower.end(); };
  if (self <= 0 || !ready || std::ranges::find(alive, self) == alive.end() || any(Readiness::ready))
    return blind();
  if (any(Readiness::unknown)) {
    waiting_ = answering_;
    return answering_;
  }
  if (!waiting_) since_ = now;
  waiting_ = true;
  if (now - since_ >= patience_) answering_ = true;
  return answering_;
}

}  // namespace starling::netboot
