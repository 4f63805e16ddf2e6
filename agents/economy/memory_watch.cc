// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/economy/memory_watch.h"

#include <algorithm>
#include <cmath>

namespace starling::economy {

void MemoryWatch::sample(Time now, double available, double total) {
  const double passed = (now - at_).count();
  if (samples_ > 0 && passed > 0) {
    const double slope = (available_ - available) / passed;
    // Upwards at once, downwards slowly: a false alarm is a move, a missed one is swapping.
    const double pull =
        samples_ == 1 || slope > trend_ ? 1 : 1 - std::exp(-passed / settings_.smoothing.count());
    trend_ += (slope - trend_) * pull;
  }
  at_ = now;
  available_ = available;
  total_ = total;
  samples_ = std::min(samples_ + 1, 2);
}

double MemoryWatch::shortfall(double largest, const economy::Settings& model) const {
  if (samples_ == 0) return 0;
  const double horizon = settings_.reaction.count() + model.freeze +
                         std::max(largest, 0.0) / std::max(model.bandwidth, 1.0);
  const double lost = trend() * settings_.safety * horizon;
  return std::max(0.0, lost + total_ * model.memory_reserve - available_);
}

}  // namespace starling::economy
