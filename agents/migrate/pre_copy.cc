// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/pre_copy.h"

#include <algorithm>

#include "agents/migrate/wire.h"

namespace starling::migrate {

static constexpr PageScan::Query kWrittenPages{.any = PageScan::kPresent | PageScan::kSwapped,
                                               .all = PageScan::kWritten,
                                               .without = PageScan::kZero};

PreCopy::PreCopy(const Tracee& tracee, const PageSink& sink, FrameChannel& control)
    : tracee_(tracee), control_(control), scan_(tracee.pid()), ranges_(sink.original_ranges()) {
  // Where the kernel does not track writes, every page would count as written for ever.
  done_ = ranges_.empty() || !sink.tracks_writes() || !scan_.exact();
  if (!done_) at_ = ranges_.front().begin;
}

void PreCopy::taken(std::uint64_t bytes) {
  taken_ = std::min(sent_, taken_ + bytes);
}

void PreCopy::step() {
  if (!ready()) return;
  std::uint64_t pages = 0;
  while (pages < kStepPages) {
    const RemoteRange rest{at_, ranges_[range_].end};
    // A range that the process unmapped or moved meanwhile is not scanned; it is not what left, so
    // its pages are told when the body has stopped.
    const auto step = scan_.take_written(rest, kWrittenPages, kStepPages - pages);
    for (const auto& run : step.runs) {
      send(run.range);
      pages += run.range.size() / kPage;
    }
    at_ = step.next;
    if (at_ < rest.end) continue;
    if (++range_ == ranges_.size()) {
      round_pages_ += pages;
      return end_round();
    }
    at_ = ranges_[range_].begin;
  }
  round_pages_ += pages;
}

void PreCopy::end_round() {
  ++rounds_;
  const bool vain = round_pages_ > last_pages_ / 4 * 3;
  if (vain_ < kMostVain) vain_ = vain ? vain_ + 1 : 0;
  done_ = round_pages_ <= (outrun() ? 2 : 1) * kFewPages || rounds_ == kMostRounds;
  last_pages_ = round_pages_;
  round_pages_ = 0;
  range_ = 0;
  at_ = ranges_.front().begin;
}

void PreCopy::send(RemoteRange range) {
  buffer_.resize(range.size());
  for (RemoteAddr at = range.begin; at < range.end;) {
    // What cannot be read was dropped or unmapped since: the state will say so.
    const std::size_t size =
        tracee_.read_some(at, MutableBytes(buffer_).first(range.end - at)) / kPage * kPage;
    if (size == 0) {
      at = at + kPage;
      continue;
    }
    control_.send(kPages, {reinterpret_cast<const std::uint8_t*>(&at.value), sizeof at.value},
                  Bytes(buffer_).first(size));
    sent_ += size;
    at = at + size;
  }
}

}  // namespace starling::migrate
