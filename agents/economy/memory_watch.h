// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>

#include "agents/economy/model.h"

namespace starling::economy {

// Sees a machine's memory run out before it does. A move takes time, and the memory goes on
// shrinking meanwhile: what counts is what will be left when the move is over.
class MemoryWatch {
 public:
  struct Settings {
    Time reaction{3};      // to the next look, the reservation, the freezing
    double safety = 1.25;  // the trend may be this much worse
  };

  MemoryWatch() : MemoryWatch(Settings{}) {}
  explicit MemoryWatch(const Settings& settings) : settings_(settings) {}

  // At even intervals. `available`: bytes programs could have without swapping.
  void sample(Time now, double available, double total);

  // Bytes that are missing, above the alarm's mark, if the trend goes on until the
  // `largest` bytes that could be moved have moved. 0: all is well.
  double shortfall(double largest, const economy::Settings& model) const;
  // Bytes per second by which the memory has shrunk in each of the last intervals; 0 if it has not
  // in one of them: what starts and takes its memory at once is no trend.
  double trend() const;

 private:
  Settings settings_;
  Time at_{0};
  double available_ = 0;
  double total_ = 0;
  std::array<double, 3> slopes_{};
  std::size_t samples_ = 0;
};

}  // namespace starling::economy
