// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/economy/model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "agents/economy/doubling_max.h"
#include "agents/economy/residency.h"

namespace starling::economy {
namespace {

Machine machine(double load = 0, double cpus = 1, double speed = 1) {
  return {
      .id = 1, .cpus = cpus, .speed = speed, .load = load, .memory_total = 1e9, .memory_free = 1e9};
}
const Scale kScale{.nodes = 8, .top = 8};
const Settings kModel;
constexpr Route kStay{.at_home = true};
constexpr Route kMove{.arrives = true, .drags = true};

TEST(Model, TheOthersPartIsThePapersMarginalCost) {
  const Cost cost = marginal_cost({}, machine(3), kStay, kScale, kModel);
  EXPECT_NEAR(cost.cpu, std::pow(8, 4.0 / 8) - std::pow(8, 3.0 / 8), 1e-12);
  EXPECT_NEAR(cost.own, std::pow(8, 4.0 / 8) - 1, 1e-12);
  Machine half = machine();
  half.memory_free = 5e8;
  const Cost memory = marginal_cost({.memory = 2e8}, half, kStay, kScale, kModel);
  EXPECT_NEAR(memory.memory, std::pow(8, 0.7) - std::pow(8, 0.5), 1e-12);
}

TEST(Model, ALoadedMachineASlowOneAndAFullOneCostMore) {
  const double base = marginal_cost({.memory = 1e8}, machine(2), kStay, kScale, kModel).total();
  EXPECT_GT(marginal_cost({.memory = 1e8}, machine(3), kStay, kScale, kModel).total(), base);
  EXPECT_GT(marginal_cost({.memory = 1e8}, machine(2, 1, 0.5), kStay, kScale, kModel).total(),
            base);
  Machine full = machine(2);
  full.memory_free = 3e8;
  EXPECT_GT(marginal_cost({.memory = 1e8}, full, kStay, kScale, kModel).total(), base);
}

TEST(Model, OneQuickProcessorBeatsManySlowOnesForOneThreadAndNotForMany) {
  const Machine quick = machine(0, 1, 2);
  const Machine wide = machine(0, 16, 1);
  const auto cost = [&](double threads, const Machine& m) {
    return marginal_cost({.threads = threads}, m, kStay, kScale, kModel).total();
  };
  EXPECT_LT(cost(1, quick), cost(1, wide));
  EXPECT_LT(cost(8, wide), cost(8, quick));
}

TEST(Model, AThreadThatWaitsCountsNothing) {
  const Cost idle = marginal_cost({.threads = 0}, machine(3), kStay, kScale, kModel);
  EXPECT_EQ(idle.cpu, 0);
  EXPECT_EQ(idle.own, 0);
}

TEST(Model, CallsTieAProcessToItsHome) {
  Process chatty{.threads = 1, .calls = 20000};
  Machine there = machine();
  there.round_trip = Time{200e-6};
  const Cost away = marginal_cost(chatty, there, {}, kScale, kModel);
  const Cost home = marginal_cost(chatty, there, kStay, kScale, kModel);
  EXPECT_GT(away.calls, 0);
  EXPECT_EQ(home.calls, 0);
  EXPECT_NEAR(away.delay, 1 + 20000 * (200e-6 + kModel.call_overhead), 1e-12);
  // With two of them at home it is better off there than alone away.
  const Cost stay = marginal_cost(chatty, machine(1), kStay, kScale, kModel);
  const Cost go = marginal_cost(chatty, there, kMove, kScale, kModel);
  EXPECT_FALSE(worth_moving(stay, go, false, kScale, kModel));
  chatty.calls = 10;
  chatty.cpu_used = 10;
  EXPECT_TRUE(worth_moving(stay, marginal_cost(chatty, there, kMove, kScale, kModel), false, kScale,
                           kModel));
}

TEST(Model, MemoryIsDraggedOnlyForWhoWillRunOn) {
  Process big{.memory = 5e8, .cpu_used = 1};
  const Cost stay = marginal_cost(big, machine(1), kStay, kScale, kModel);
  EXPECT_FALSE(worth_moving(stay, marginal_cost(big, machine(), kMove, kScale, kModel), false,
                            kScale, kModel));
  big.cpu_used = 100;
  EXPECT_TRUE(worth_moving(stay, marginal_cost(big, machine(), kMove, kScale, kModel), false,
                           kScale, kModel));
}

TEST(Model, ObstaclesAreNamed) {
  Machine there = machine();
  const auto obstacle = [&](const Process& p, Route route = kMove) {
    return marginal_cost(p, there, route, kScale, kModel).obstacle;
  };
  EXPECT_EQ(obstacle({}), Obstacle::kNone);
  EXPECT_EQ(obstacle({.memory = 9.5e8}), Obstacle::kMemory);
  EXPECT_EQ(obstacle({.memory = 1e8, .memory_growth = 3e7}), Obstacle::kMemory)
      << "in half a minute";
  there.memory_trend = 3e7;
  EXPECT_EQ(obstacle({.memory = 1e8}), Obstacle::kMemory) << "it is being used up already";
  there.memory_trend = 0;
  there.features = 0b01;
  EXPECT_EQ(obstacle({.features = 0b10}), Obstacle::kFeatures);
  EXPECT_EQ(obstacle({.features = 0b01}), Obstacle::kNone);
  there.blocked = true;
  EXPECT_EQ(obstacle({}), Obstacle::kBlocked);
  there.owner_present = true;
  EXPECT_EQ(obstacle({}), Obstacle::kOwner);
  EXPECT_EQ(obstacle({}, {.at_home = true, .arrives = true}), Obstacle::kNone) << "its own home";
  for (const auto o :
       {Obstacle::kBlocked, Obstacle::kOwner, Obstacle::kFeatures, Obstacle::kMemory}) {
    EXPECT_NE(describe(o), nullptr);
  }
  EXPECT_EQ(describe(Obstacle::kNone), nullptr);
}

TEST(Model, TheOwnersWishesWeigh) {
  Machine there = machine(0, 2);
  const double plain = marginal_cost({}, there, kMove, kScale, kModel).total();
  EXPECT_NEAR(marginal_cost({.reluctance = 3}, there, kMove, kScale, kModel).total(), plain + 3,
              1e-9);
  EXPECT_EQ(marginal_cost({.reluctance = 3}, there, kStay, kScale, kModel).wishes, 0);
  there.load = 1;
  const double whole = marginal_cost({}, there, kMove, kScale, kModel).total();
  there.weight = 0.25;
  EXPECT_GT(marginal_cost({}, there, kMove, kScale, kModel).total(), whole);
}

TEST(Model, SwappingIsDear) {
  Machine m = machine();
  m.memory_free = 1e8;
  const Cost fits = marginal_cost({.memory = 0.9e8}, m, kStay, kScale, kModel);
  const Cost swaps = marginal_cost({.memory = 2e8}, m, kStay, kScale, kModel);
  EXPECT_NEAR(swaps.delay / fits.delay, kModel.thrash, 1e-9);
}

TEST(Model, AbsurdFiguresGiveFiniteCosts) {
  const double huge = std::numeric_limits<double>::max();
  for (const double x : {-1.0, 0.0, 1e-300, 1e300, huge}) {
    Machine m = machine(x, x, x);
    m.memory_free = x;
    m.memory_total = x;
    m.weight = x;
    m.round_trip = Time{x > 1e200 ? 1e200 : x};
    const Process p{.threads = x > 1e100 ? 1e100 : x, .memory = x, .calls = 1};
    EXPECT_TRUE(std::isfinite(marginal_cost(p, m, kStay, {.nodes = x, .top = x}, kModel).total()))
        << x;
  }
}

TEST(Model, MemoryAloneMovesNobodyUnlessItIsShort) {
  Machine here = machine();
  here.memory_free = 2e8;
  const Process p{.memory = 1e8, .cpu_used = 1000};
  const Cost stay = marginal_cost(p, here, kStay, kScale, kModel);
  const Cost go = marginal_cost(p, machine(), kMove, kScale, kModel);
  EXPECT_FALSE(worth_moving(stay, go, false, kScale, kModel));
  EXPECT_TRUE(worth_moving(stay, go, true, kScale, kModel));
}

TEST(Model, HysteresisGrowsWithTheCrowd) {
  const auto moves = [&](double here, double there) {
    const Process p{.cpu_used = 100};
    const Scale scale{.nodes = 8, .top = 64};
    return worth_moving(marginal_cost(p, machine(here), kStay, scale, kModel),
                        marginal_cost(p, machine(there), kMove, scale, kModel), false, scale,
                        kModel);
  };
  EXPECT_TRUE(moves(5, 4));
  EXPECT_FALSE(moves(4, 4));
  EXPECT_FALSE(moves(25, 24)) << "one in twenty-five is not worth a move";
  EXPECT_TRUE(moves(25, 20));
}

TEST(DoublingMax, DoublesAndForgets) {
  DoublingMax top(Time{10}, 1);
  EXPECT_EQ(top.value(Time{0}), 1);
  top.observe(5, Time{0});
  EXPECT_EQ(top.value(Time{1}), 8);
  top.observe(8, Time{2});
  EXPECT_EQ(top.value(Time{2}), 16) << "the least power of two ABOVE what was seen";
  top.observe(9, Time{9});
  EXPECT_EQ(top.value(Time{18}), 16);
  EXPECT_EQ(top.value(Time{20}), 8);
  EXPECT_EQ(top.value(Time{1000}), 1);
  top.observe(std::numeric_limits<double>::quiet_NaN(), Time{1001});
  EXPECT_TRUE(std::isfinite(top.value(Time{1001})));
}

TEST(Residency, DoublesWithEveryMoveAndDecays) {
  const ResidencySettings settings{.first = Time{4}, .longest = Time{100}, .forget = Time{50}};
  Residency r;
  EXPECT_TRUE(r.may_move(Time{0}, Cause::kBalance));
  r.moved(Time{0}, settings);
  EXPECT_FALSE(r.may_move(Time{3.9}, Cause::kBalance));
  EXPECT_TRUE(r.may_move(Time{4}, Cause::kBalance));
  r.moved(Time{4}, settings);
  EXPECT_FALSE(r.may_move(Time{11.9}, Cause::kBalance));
  EXPECT_FALSE(r.may_move(Time{5.9}, Cause::kMemory));
  EXPECT_TRUE(r.may_move(Time{6}, Cause::kMemory)) << "a quarter of the stay";
  EXPECT_TRUE(r.may_move(Time{4}, Cause::kOwner));
  EXPECT_TRUE(r.may_move(Time{12}, Cause::kBalance));
  r.moved(Time{120}, settings);
  EXPECT_TRUE(r.may_move(Time{124}, Cause::kBalance)) << "both moves were forgotten";
  EXPECT_EQ(r.moves(), 3u);
}

TEST(Residency, MovesAreAtMostTheLogarithmOfTheTime) {
  const ResidencySettings settings{.first = Time{3}, .longest = Time{1e9}, .forget = Time{1e9}};
  Residency r;
  for (double t = 0; t < 3 * 1024; t += 0.5) {
    if (r.may_move(Time{t}, Cause::kBalance)) r.moved(Time{t}, settings);
  }
  EXPECT_LE(r.moves(), 11u);
}

}  // namespace
}  // namespace starling::economy
