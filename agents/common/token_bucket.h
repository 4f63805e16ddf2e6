// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>

#include "agents/common/clock.h"

namespace starling {

// At most `burst` at once and `per_second` in the long run. The clock is the caller's.
class TokenBucket {
 public:
  TokenBucket(double per_second, double burst)
      : per_second_(per_second), burst_(burst), tokens_(burst) {}

  bool take(TimeNs now) {
    if (now > last_) {
      const double gained = static_cast<double>(now - last_) * per_second_ / kSecond;
      tokens_ = std::min(burst_, tokens_ + gained);
      last_ = now;
    }
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double per_second_;
  double burst_;
  double tokens_;
  TimeNs last_ = 0;
};

}  // namespace starling
