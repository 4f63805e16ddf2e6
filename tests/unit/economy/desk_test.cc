// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <limits>

#include "agents/economy/host.h"
#include "agents/economy/reservation.h"

namespace starling::economy {
namespace {

const Settings kModel;
Machine idle() {
  return {.id = 7, .memory_total = 1e9, .memory_free = 1e9};
}
// Somebody whose process shares a processor with one other at home.
Request request(double memory = 1e7) {
  Request r;
  r.process = {.memory = memory, .cpu_used = 100};
  r.scale = {.nodes = 8, .top = 4};
  const Cost stay = marginal_cost(r.process, {.load = 1, .memory_total = 1e9, .memory_free = 1e9},
                                  {.at_home = true}, r.scale, kModel);
  r.bid = stay.total() / least_ratio(stay, r.scale, kModel);
  return r;
}

TEST(Desk, WhereThereIsRoomForOneOnlyOneOfManyIsGranted) {
  ReservationDesk desk;
  int granted = 0;
  for (int i = 0; i < 40; ++i) {
    const Answer answer = desk.ask(request(), idle(), Time{1}, kModel);
    granted += answer.ticket != 0;
    if (i > 0) {
      EXPECT_TRUE(answer.too_dear);
      EXPECT_GT(answer.retry.count(), 0);
      EXPECT_EQ(answer.load, 1) << "who is refused learns what the place is like";
    }
  }
  EXPECT_EQ(granted, 1);
}

TEST(Desk, AnArrivalCountsUntilTheMeasuredLoadShowsIt) {
  ReservationDesk desk;
  const Answer answer = desk.ask(request(), idle(), Time{0}, kModel);
  ASSERT_NE(answer.ticket, 0u);
  EXPECT_EQ(desk.with_promises(idle(), Time{1}).load, 1);
  EXPECT_TRUE(desk.arrived(answer.ticket, Time{2}));
  EXPECT_FALSE(desk.arrived(answer.ticket, Time{2})) << "a ticket is good once";
  EXPECT_EQ(desk.load(Time{2}), 1);
  EXPECT_NEAR(desk.load(Time{3.5}), 0.5, 1e-9);
  EXPECT_EQ(desk.load(Time{5}), 0);
  EXPECT_EQ(desk.pending(), 0u);
}

TEST(Desk, ATicketThatIsNotUsedLapses) {
  ReservationDesk desk;
  const Answer answer = desk.ask(request(), idle(), Time{0}, kModel);
  EXPECT_EQ(desk.load(Time{9.9}), 1);
  EXPECT_EQ(desk.load(Time{10}), 0);
  EXPECT_FALSE(desk.arrived(answer.ticket, Time{10}));
  const Answer other = desk.ask(request(), idle(), Time{11}, kModel);
  desk.cancel(other.ticket);
  EXPECT_EQ(desk.load(Time{11}), 0);
}

TEST(Desk, PromisedMemoryIsNotPromisedTwice) {
  ReservationDesk desk;
  Request big = request(6e8);
  big.bid = 1e300;
  EXPECT_NE(desk.ask(big, idle(), Time{0}, kModel).ticket, 0u);
  const Answer second = desk.ask(big, idle(), Time{0}, kModel);
  EXPECT_EQ(second.ticket, 0u);
  EXPECT_EQ(second.cost.obstacle, Obstacle::kMemory);
}

TEST(Desk, ABlockedNodeAndAnOwnerRefuseForLong) {
  ReservationDesk desk;
  Machine self = idle();
  self.blocked = true;
  const Answer blocked = desk.ask(request(), self, Time{0}, kModel);
  EXPECT_EQ(blocked.ticket, 0u);
  EXPECT_EQ(blocked.cost.obstacle, Obstacle::kBlocked);
  EXPECT_GT(blocked.retry, Time{10});
}

TEST(Desk, PromisesAreBounded) {
  ReservationDesk desk({.most = 5, .most_a_second = 100});
  Request any = request(1);
  any.bid = 1e300;
  int granted = 0;
  for (int i = 0; i < 20; ++i) granted += desk.ask(any, idle(), Time{0}, kModel).ticket != 0;
  EXPECT_EQ(granted, 5);
  EXPECT_TRUE(desk.ask(any, idle(), Time{0}, kModel).full);
}

TEST(Desk, BeyondItsIdleProcessorsItTakesThreeASecond) {
  ReservationDesk desk;
  Request any = request(1);
  any.bid = 1e300;
  const auto granted = [&](Machine self, double at) {
    int count = 0;
    for (int i = 0; i < 20; ++i) count += desk.ask(any, self, Time{at}, kModel).ticket != 0;
    return count;
  };
  EXPECT_EQ(granted(idle(), 0), 3);
  EXPECT_EQ(granted(idle(), 0.9), 0);
  EXPECT_EQ(granted(idle(), 1.2), 3);
  Machine wide = idle();
  wide.cpus = 16;
  wide.load = 0;
  EXPECT_EQ(granted(wide, 20), 16) << "where there is room for sixteen, sixteen may come";
}

TEST(Desk, ABidThatIsNoNumberIsRefused) {
  ReservationDesk desk;
  Request r = request();
  r.bid = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(desk.ask(r, idle(), Time{0}, kModel).ticket, 0u);
}

TEST(Host, AllGuestsGoWhenTheOwnerComes) {
  Machine self = idle();
  const std::vector<Guest> guests = {{1, 1e6, 0}, {2, 2e6, 0}};
  EXPECT_TRUE(guests_to_expel(self, guests, 0).empty());
  self.owner_present = true;
  const auto out = guests_to_expel(self, guests, 0);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].cause, Cause::kOwner);
}

TEST(Host, TheSmallestGuestThatSufficesLeavesElseTheBiggest) {
  const std::vector<Guest> guests = {{1, 1e8, 0}, {2, 3e8, 0}, {3, 2e8, 0}};
  const auto one = guests_to_expel(idle(), guests, 1.5e8);
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].id, 3u);
  EXPECT_EQ(one[0].cause, Cause::kMemory);
  const auto two = guests_to_expel(idle(), guests, 4e8);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].id, 2u);
  EXPECT_EQ(two[1].id, 3u);
}

}  // namespace
}  // namespace starling::economy
