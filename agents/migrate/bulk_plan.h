// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "agents/migrate/page_wire.h"

namespace starling::migrate {

// In which order the background pulls memory: from a place on upwards and around, that place being
// where the process touches its memory one page after the other, if it does. Several questions
// are on their way at a time; each is for a range of its own, as long as its answers are expected
// to get with the contents it may hold: the answers before tell how densely memory is filled.
class BulkPlan {
 public:
  // `next_missing` gives the front part of a range that is only at the source, from the first such
  // page on and as long as asked for at most; empty when there is none. `data`: bytes of contents
  // an answer may have.
  using NextMissing = std::function<RemoteRange(RemoteRange, std::uint64_t pages)>;
  BulkPlan(std::vector<PageRegion> regions, std::uint64_t data, NextMissing next_missing)
      : regions_(std::move(regions)),
        data_(data),
        span_(data),
        next_missing_(std::move(next_missing)) {}

  // The next question, which counts as on its way from now on; empty when all that is missing was
  // asked for.
  std::optional<RemoteRange> next() {
    for (std::size_t looked = 0; looked <= regions_.size(); ++looked, ++region_, at_ = {}) {
      if (region_ >= regions_.size()) region_ = 0;
      if (regions_.empty()) return std::nullopt;
      const RemoteRange all = regions_[region_].range;
      RemoteAddr from = std::max(at_, all.begin);
      while (from < all.end) {
        RemoteRange found = next_missing_({from, all.end}, span_ / kPage);
        if (found.empty()) break;
        for (const auto& [range, left] : flying_) {
          if (range.contains(found.begin)) {
            found.begin = range.end;
          } else if (found.contains(range.begin)) {
            found.end = range.begin;
          }
        }
        from = std::max(from, found.begin);
        if (found.empty()) continue;
        at_ = stretch(found, all.end);
        flying_.push_back({{found.begin, at_}, data_});
        return flying_.back().rest;
      }
    }
    return std::nullopt;
  }

  struct Question {
    RemoteRange rest;    // not answered yet
    std::uint64_t data;  // bytes of contents its answers may still have
  };
  const std::deque<Question>& flying() const { return flying_; }  // in the order of their answers
  // An answer to the first of them covers `covered` and has `data` bytes of contents.
  void answered(RemoteRange covered, std::uint64_t data) {
    Question& question = flying_.front();
    question.rest.begin = covered.end;
    question.data -= data;
    if (!question.rest.empty() && question.data > 0) return;
    if (!question.rest.empty()) {
      // Filled more densely than expected: the rest comes next.
      span_ = data_;
      go_to(question.rest.begin);
    } else if (question.data > data_ / 2) {
      span_ = std::min(span_ * 2, kMostSpan);
    } else {
      span_ = std::max(data_, span_ / 2);
    }
    flying_.pop_front();
  }
  // Goes on from `page`.
  void go_to(RemoteAddr page) {
    for (std::size_t i = 0; i < regions_.size(); ++i) {
      if (!regions_[i].range.contains(page)) continue;
      region_ = i;
      at_ = page;
      return;
    }
  }

 private:
  // A few pages that are here already may come again: better than many small questions.
  RemoteAddr stretch(RemoteRange found, RemoteAddr limit) const {
    for (int holes = 0; holes < kMostHoles && found.size() < span_; ++holes) {
      const RemoteRange beyond{found.end, found.end + std::min(kHole, limit - found.end)};
      const RemoteRange more = next_missing_(beyond, (span_ - found.size()) / kPage);
      if (more.empty() || std::any_of(flying_.begin(), flying_.end(), [&](const Question& q) {
            return q.rest.contains(more.begin);
          })) {
        break;
      }
      found.end = more.end;
    }
    return found.end;
  }

  static constexpr std::uint64_t kHole = 8 * kPage;
  static constexpr int kMostHoles = 8;
  // Few questions also about a reservation that is terabytes long and all but empty.
  static constexpr std::uint64_t kMostSpan = std::uint64_t{1} << 40;

  std::vector<PageRegion> regions_;
  std::uint64_t data_;
  std::uint64_t span_;
  NextMissing next_missing_;
  std::deque<Question> flying_;
  std::size_t region_ = 0;
  RemoteAddr at_;
};

}  // namespace starling::migrate
