// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/page_states.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "agents/migrate/bulk_plan.h"
#include "agents/migrate/fault_window.h"
#include "agents/migrate/process_maps.h"
#include "agents/migrate/sink_memory.h"

namespace starling::migrate {
namespace {

TEST(PageStates, AgreesWithAPlainArray) {
  constexpr std::uint64_t kPages = 70001;  // several chunks, the last not full
  PageStates states(kPages);
  std::vector<PageState> plain(kPages, PageState::home);
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    const std::uint64_t begin = random() % kPages;
    const std::uint64_t length = random() % (round % 3 == 0 ? 40000 : 50) + 1;
    const std::uint64_t end = std::min(kPages, begin + length);
    const auto state = static_cast<PageState>(random() % 4);
    states.set(begin, end, state);
    std::fill(plain.begin() + static_cast<std::ptrdiff_t>(begin),
              plain.begin() + static_cast<std::ptrdiff_t>(end), state);
    const auto sought = static_cast<PageState>(random() % 4);
    std::uint64_t first = begin;
    while (first < kPages && plain[first] != sought) ++first;
    ASSERT_EQ(states.find(begin, kPages, sought), first);
    first = begin;
    while (first < kPages && plain[first] == sought) ++first;
    ASSERT_EQ(states.find_other(begin, kPages, sought), first);
  }
  for (std::uint64_t i = 0; i < kPages; ++i) ASSERT_EQ(states.get(i), plain[i]);
  for (const PageState s : {PageState::home, PageState::zero, PageState::here, PageState::gone}) {
    EXPECT_EQ(states.count(s),
              static_cast<std::uint64_t>(std::count(plain.begin(), plain.end(), s)));
  }
}

TEST(FaultWindow, DoublesAlongASequenceAndShrinksOtherwise) {
  const RemoteRange region{{0}, {10000 * kPage}};
  FaultWindow window;
  RemoteAddr at{100 * kPage};
  std::uint64_t last = 0;
  for (int i = 0; i < 6; ++i) {
    const RemoteRange w = window.next(at, region);
    EXPECT_EQ(w.begin, at);
    EXPECT_GE(w.size(), last);
    last = w.size();
    at = w.end;
  }
  EXPECT_EQ(last, FaultWindow::kMost * kPage);
  for (const std::uint64_t page : {9000, 20, 7000, 4000, 1, 9500, 300}) {
    last = window.next({page * kPage}, region).size();
  }
  EXPECT_EQ(last, FaultWindow::kLeast * kPage);
}

TEST(FaultWindow, FollowsAStackDownAndStaysInside) {
  const RemoteRange region{{50 * kPage}, {1000 * kPage}};
  FaultWindow window;
  RemoteRange w = window.next({995 * kPage}, region);
  EXPECT_EQ(w, (RemoteRange{{995 * kPage}, {1000 * kPage}}));
  w = window.next({994 * kPage}, region);
  EXPECT_EQ(w.end.value, 995 * kPage);
  EXPECT_GT(w.size(), 8 * kPage);
  for (int i = 0; i < 100 && w.begin > region.begin; ++i) {
    w = window.next({w.begin.value - kPage}, region);
  }
  EXPECT_EQ(w.begin, region.begin);
}

// A source whose every page below `dense` has contents and all others are zero.
class PlanTrial {
 public:
  PlanTrial(std::vector<PageRegion> regions, std::uint64_t dense)
      : dense_{{0}, {dense}}, plan_(regions, kData, [this](RemoteRange r, std::uint64_t pages) {
          return first_missing(r, pages);
        }) {
    for (const PageRegion& region : regions) missing_.push_back(region.range);
  }

  BulkPlan& plan() { return plan_; }
  const RemoteRanges& missing() const { return missing_; }
  RemoteRange first_missing(RemoteRange range, std::uint64_t pages) const {
    for (const RemoteRange& m : missing_) {
      const RemoteAddr begin = std::max(m.begin, range.begin);
      const RemoteAddr end = std::min(m.end, range.end);
      if (begin < end) return {begin, std::min(end, begin + pages * kPage)};
    }
    return {};
  }
  void here(RemoteRange range) { missing_ = subtract(missing_, {range}); }
  // All answers to the question asked first.
  void answer() {
    const auto [rest, data] = plan_.flying().front();
    RemoteRange covered = rest;
    if (dense_.contains(rest.begin) && rest.size() > data) covered.end = rest.begin + data;
    here(covered);
    const RemoteAddr dense_end = std::clamp(dense_.end, covered.begin, covered.end);
    plan_.answered(covered, dense_end - covered.begin);
  }

  static constexpr std::uint64_t kData = 32 * kPage;

 private:
  RemoteRange dense_;
  RemoteRanges missing_;
  BulkPlan plan_;
};

TEST(BulkPlan, AsksForEveryMissingPageAlsoOfAnEmptyReservationInFewQuestions) {
  const std::vector<PageRegion> regions{
      {{{0}, {300 * kPage}}, false}, {{{1 << 30}, {(1 << 30) + (std::uint64_t{1} << 40)}}, false}};
  PlanTrial trial(regions, 300 * kPage);
  trial.here({{40 * kPage}, {41 * kPage}});
  int questions = 0;
  while (!trial.missing().empty()) {
    while (trial.plan().flying().size() < 3 && trial.plan().next()) ASSERT_LT(++questions, 100);
    ASSERT_FALSE(trial.plan().flying().empty());
    trial.answer();
  }
  EXPECT_GE(questions, 10);
  EXPECT_FALSE(trial.plan().next());
}

TEST(BulkPlan, AsksForNothingThatIsOnItsWay) {
  PlanTrial trial({{{{0}, {1000 * kPage}}, false}}, 1000 * kPage);
  RemoteRanges asked;
  while (const auto range = trial.plan().next()) {
    EXPECT_EQ(subtract({*range}, asked), RemoteRanges{*range});
    add_range(asked, *range);
    ASSERT_LT(trial.plan().flying().size(), 100u);
    if (trial.plan().flying().size() == 5) trial.plan().go_to({0});
  }
  EXPECT_EQ(asked, (RemoteRanges{{{0}, {1000 * kPage}}}));
}

TEST(BulkPlan, GoesOnWhereTheProcessIsAndComesAround) {
  PlanTrial trial({{{{0}, {1000 * kPage}}, false}}, 1000 * kPage);
  EXPECT_EQ(trial.plan().next()->begin.value, 0u);
  trial.plan().go_to({700 * kPage});
  EXPECT_EQ(trial.plan().next()->begin.value, 700 * kPage);
  EXPECT_EQ(trial.plan().next()->begin.value, 732 * kPage);
  while (!trial.missing().empty()) {
    trial.answer();
    if (trial.plan().flying().empty() && !trial.missing().empty()) {
      ASSERT_TRUE(trial.plan().next());
    }
  }
}

TEST(AddRange, KeepsRangesSortedAndJoined) {
  RemoteRanges ranges;
  for (const std::uint64_t at : {50, 10, 30, 20, 70}) add_range(ranges, {{at}, {at + 10}});
  EXPECT_EQ(ranges, (RemoteRanges{{{10}, {40}}, {{50}, {60}}, {{70}, {80}}}));
  add_range(ranges, {{35}, {75}});
  EXPECT_EQ(ranges, (RemoteRanges{{{10}, {80}}}));
}

}  // namespace
}  // namespace starling::migrate
