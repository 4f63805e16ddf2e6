// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "agents/migrate/page_wire.h"

namespace starling::migrate {

// In which order the background pulls memory. How far an answer to "the next pages from here" gets
// is known only when it is there; to have several questions on their way, the regions are cut into
// pieces, and each question walks a piece of its own.
class BulkPlan {
 public:
  // `first_missing` gives the first page in a range that is only at the source, or the range's end.
  BulkPlan(std::vector<PageRegion> regions, std::function<RemoteAddr(RemoteRange)> first_missing)
      : regions_(std::move(regions)), first_missing_(std::move(first_missing)) {}

  struct Lane {
    RemoteRange rest;  // of its piece, from the first missing page on
  };
  // A lane at a new piece; false when there is none left.
  bool next(Lane& lane) {
    for (; region_ < regions_.size(); ++region_, at_ = {}) {
      const RemoteRange all = regions_[region_].range;
      const RemoteAddr begin = first_missing_({std::max(at_, all.begin), all.end});
      if (begin >= all.end) continue;
      // Few pieces also of a reservation that is terabytes long and all but empty.
      const std::uint64_t size = std::max(kPiece, all.size() / 64 / kPage * kPage);
      lane.rest = {begin, begin + std::min(size, all.end - begin)};
      at_ = lane.rest.end;
      return true;
    }
    return false;
  }
  // The lane's next question in its piece or, when that is through, in a new one.
  bool advance(Lane& lane) {
    lane.rest.begin = first_missing_(lane.rest);
    return !lane.rest.empty() || next(lane);
  }
  // From the beginning again.
  void restart() {
    region_ = 0;
    at_ = {};
  }

 private:
  static constexpr std::uint64_t kPiece = 16 * 1024 * 1024;

  std::vector<PageRegion> regions_;
  std::function<RemoteAddr(RemoteRange)> first_missing_;
  std::size_t region_ = 0;
  RemoteAddr at_;
};

}  // namespace starling::migrate
