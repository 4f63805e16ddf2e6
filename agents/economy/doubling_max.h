// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cmath>

#include "agents/economy/model.h"

namespace starling::economy {

// An unknown maximum, found by doubling: the least power of two above everything seen lately. The
// paper never forgets; a flock that runs for months must, or one bad minute would make all later
// loads look alike. It halves for every `memory` that passes without anything above the half.
class DoublingMax {
 public:
  explicit DoublingMax(Time memory = Time{15}, double least = 1.0 / 16)
      : memory_(memory), least_(least), value_(least) {}

  void observe(double seen, Time now) {
    decay(now);
    if (!(seen < 1e9)) seen = 1e9;  // not a number, too
    bool needed = seen * 2 >= value_;
    while (value_ <= seen) value_ *= 2;
    if (needed) needed_ = std::max(needed_, now);
  }
  double value(Time now) {
    decay(now);
    return value_;
  }

 private:
  void decay(Time now) {
    while (value_ > least_ && now - needed_ > memory_) {
      value_ /= 2;
      needed_ += memory_;
    }
    if (value_ <= least_) needed_ = std::max(needed_, now);
  }

  Time memory_;
  double least_;
  double value_;
  Time needed_{0};  // when something above the half of value_ was seen last
};

}  // namespace starling::economy
