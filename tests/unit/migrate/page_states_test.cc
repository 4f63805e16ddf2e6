// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/page_states.h"

#include <gtest/gtest.h>

#include <random>

#include "agents/migrate/bulk_plan.h"
#include "agents/migrate/fault_window.h"
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
  for (const std::uint64_t page : {9000, 20, 7000, 4000, 1}) {
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

TEST(BulkPlan, AsksForEveryMissingPageOnceInAFewPieces) {
  const std::vector<PageRegion> regions{
      {{{0}, {3 * kPage}}, false}, {{{1 << 20}, {(1 << 20) + (std::uint64_t{1} << 40)}}, false}};
  RemoteRanges seen;
  BulkPlan plan(regions, [](RemoteRange r) { return r.begin; });
  BulkPlan::Lane lane;
  int pieces = 0;
  while (plan.next(lane)) {
    EXPECT_FALSE(lane.rest.empty());
    add_range(seen, lane.rest);
    ASSERT_LT(++pieces, 100);
  }
  EXPECT_EQ(seen, (RemoteRanges{regions[0].range, regions[1].range}));
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
