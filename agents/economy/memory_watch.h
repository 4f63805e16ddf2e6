// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "agents/economy/model.h"

namespace starling::economy {

// Sees a machine's memory run out before it does. A move takes time, and the memory goes on
// shrinking meanwhile: what counts is what will be left when the move is over.
class MemoryWatch {
 public:
  struct Settings {
    Time reaction{3};      // to the next look, the reservation, the freezing
    Time smoothing{2};     // of the trend
    double safety = 1.25;  // the trend may be this much worse
  };

  MemoryWatch() : MemoryWatch(Settings{}) {}
  explicit MemoryWatch(const Settings& settings) : settings_(settings) {}

  // At even intervals. `available`: bytes programs could have without swapping.
  void sample(Time now, double available, double total);

  // Bytes that are missing, above what is kept in reserve, if the trend goes on until the
  // `largest` bytes that could be moved have moved. 0: all is well.
  double shortfall(double largest, const economy::Settings& model) const;
  // Bytes per second by which the memory shrinks; never negative.
  double trend() const { return trend_ < 0 ? 0 : trend_; }

 private:
  Settings settings_;
  Time at_{0};
  double available_ = 0;
  double total_ = 0;
  double trend_ = 0;
  int samples_ = 0;
};

}  // namespace starling::economy
