// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/economy/memory_watch.h"

#include <algorithm>

namespace starling::economy {

void MemoryWatch::sample(Time now, double available, double total) {
  const double passed = (now - at_).count();
  if (samples_ > 0 && passed > 0) {
    slopes_[(samples_ - 1) % slopes_.size()] = (available_ - available) / passed;
  }
  if (samples_ == 0 || passed > 0) ++samples_;
  at_ = now;
  available_ = available;
  total_ = total;
}

double MemoryWatch::trend() const {
  if (samples_ <= slopes_.size()) return 0;
  return std::max(0.0, *std::ranges::min_element(slopes_));
}

double MemoryWatch::shortfall(double largest, const economy::Settings& model) const {
  if (samples_ == 0) return 0;
  const double horizon = settings_.reaction.count() + model.freeze +
                         std::max(largest, 0.0) / std::max(model.bandwidth, 1.0);
  const double lost = trend() * settings_.safety * horizon;
  return std::max(0.0, lost + total_ * model.memory_alarm - available_);
}

}  // namespace starling::economy
