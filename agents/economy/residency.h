// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "agents/economy/model.h"

namespace starling::economy {

// Why a process moves.
enum class Cause : std::uint8_t {
  kPlacement,  // begins somewhere else
  kBalance,    // costs less there
  kMemory,     // before the machine swaps
  kOwner,      // the machine's owner wants it back
  kWish,       // somebody asked
};
const char* describe(Cause cause);

struct ResidencySettings {
  Time first{3};      // stay after the first move
  Time longest{300};  // and at most
  Time forget{120};   // without a move, a move is forgotten
};

// How long a process has to stay where it is before it may move again to lower its cost. Doubles
// with every move and decays with time, so that no process is moved more often than the logarithm
// of its life says, whatever the loads do. An owner's wish is a new cause and is not held up.
class Residency {
 public:
  using Settings = ResidencySettings;

  void moved(Time now, const Settings& settings) {
    decay(now, settings);
    ++level_;
    ++moves_;
    since_ = now;
    const double stay = settings.first.count() * std::exp2(level_ - 1);
    until_ = now + std::min(Time{stay}, settings.longest);
  }
  // Until then whatever the costs are.
  void hold(Time until) { until_ = std::max(until_, until); }
  void release() { until_ = Time{0}; }
  bool may_move(Time now, Cause cause) const {
    switch (cause) {
      case Cause::kBalance:
      case Cause::kPlacement:
        return now >= until_;
      case Cause::kMemory:
        // More urgent, but where all are short of memory nothing is won by going round in a circle.
        return now >= since_ + (until_ - since_) / 4 || now >= until_;
      case Cause::kOwner:
      case Cause::kWish:
        return true;
    }
    return true;
  }
  Time until() const { return until_; }
  std::uint32_t moves() const { return moves_; }

 private:
  void decay(Time now, const Settings& settings) {
    const double quiet = (now - since_).count() / std::max(settings.forget.count(), 1e-3);
    level_ = std::clamp(level_ - static_cast<int>(std::clamp(quiet, 0.0, 64.0)), 0, 30);
  }

  int level_ = 0;
  std::uint32_t moves_ = 0;
  Time since_{-1e9};
  Time until_{0};
};

}  // namespace starling::economy
