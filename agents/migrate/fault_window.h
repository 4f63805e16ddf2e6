// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstdint>

#include "agents/migrate/remote_addr.h"

namespace starling::migrate {

// How many pages to bring for one fault: few while faults are scattered, twice as many each time
// one follows where the last window ended (or began, for stacks), as readahead of files does.
class FaultWindow {
 public:
  static constexpr std::uint64_t kLeast = 1;  // pages
  static constexpr std::uint64_t kFirst = 8;
  static constexpr std::uint64_t kMost = 64;

  // Where the last window ended.
  RemoteAddr end() const { return last_.end; }
  // The window around the page `fault`, not outside `within`, which contains it. `passed`: what
  // lies between the last window and the fault was there before anyone waited for it, so that a
  // sequence may have come this far unseen.
  RemoteRange next(RemoteAddr fault, RemoteRange within, bool passed = false) {
    const bool near = fault >= last_.end && fault - last_.end < (passed ? kMostPassed : kSlack);
    const bool up = !last_.empty() && near;
    const bool down = !last_.empty() && fault < last_.begin && last_.begin - fault <= kSlack;
    if (up || down) {
      pages_ = std::min(pages_ * 2, kMost);
    } else if (!last_.empty() && !last_.contains(fault)) {
      pages_ = std::max(pages_ / 2, kLeast);
    }
    if (down) {
      const std::uint64_t before = std::min((pages_ - 1) * kPage, fault - within.begin);
      last_ = {{fault.value - before}, fault + kPage};
    } else {
      last_ = {fault, fault + std::min(pages_ * kPage, within.end - fault)};
    }
    return last_;
  }

 private:
  static constexpr std::uint64_t kSlack = 16 * kPage;
  static constexpr std::uint64_t kMostPassed = 4096 * kPage;

  std::uint64_t pages_ = kFirst;
  RemoteRange last_;
};

}  // namespace starling::migrate
