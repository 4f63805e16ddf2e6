// SPDX-License-Identifier: GPL-2.0-or-later
// What the economy has to reach, in virtual time (issue "The flock balances itself").
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tests/sim/bound.h"
#include "tests/sim/economy_run.h"

namespace starling::sim {
namespace {

RunResult run(const Workload& workload, const std::string& policy, RunOptions options = {}) {
  options.policy = policy;
  const RunResult result = run_economy(workload, options);
  EXPECT_EQ(result.finished, result.jobs) << policy << " on " << workload.name;
  return result;
}

RunOptions moves_only(bool membership) {
  RunOptions options;
  options.economy.place = false;
  options.membership = membership;
  return options;
}

// The rule for every workload: no process is moved twice for balance within its residency.
void expect_calm(const RunResult& result, size_t nodes) {
  EXPECT_EQ(result.early_moves, 0u);
  EXPECT_LE(result.moves_per_job, std::log2(static_cast<double>(nodes)));
}

TEST(Economy, FortyJobsOnOneOfEightSpreadToWithinATenthOfTheOptimum) {
  const Workload w = burst(40, std::vector<double>(8, 1.0), 60);
  const RunResult r = run(w, "starling", moves_only(true));
  EXPECT_LE(r.makespan, 1.1 * offline_bound(w).makespan + 10);
  EXPECT_LE(r.makespan, 1.1 * 300) << "even with the settling";
  EXPECT_LE(r.moves_most, 3u);
  expect_calm(r, 8);
}

TEST(Economy, MixedSpeedsAreUsedInProportion) {
  const Workload w = burst(40, {1, 1, 2, 4}, 60);
  const RunResult r = run(w, "starling", moves_only(true));
  EXPECT_LE(r.makespan, 1.15 * offline_bound(w).makespan);
  expect_calm(r, 4);
}

TEST(Economy, ThePapersWorkloadIsSlowedDownLessThanUnderMosixRules) {
  double ours = 0, mosix = 0, epvm = 0, pvm = 0, bound = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const Workload w = paper_workload(seed, 0.45 + 0.05 * static_cast<double>(seed), 2000);
    RunOptions options;
    options.seed = seed;
    ours += run(w, "starling", options).slowdown / 8;
    mosix += run(w, "mosix-like", options).slowdown / 8;
    epvm += run(w, "e-pvm", options).slowdown / 8;
    pvm += run(w, "round-robin", options).slowdown / 8;
    bound += offline_bound(w).slowdown / 8;
  }
  EXPECT_LT(ours, mosix);
  EXPECT_LT(epvm, pvm) << "the paper's order";
  EXPECT_LT(mosix, pvm) << "the paper's order";
  EXPECT_GE(ours, bound);
}

TEST(Economy, AHogLeavesBeforeItsMachineSwaps) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const Workload w = memory_hogs(seed);
    RunOptions options;
    options.seed = seed;
    options.economy.place = false;
    const RunResult r = run(w, "starling", options);
    EXPECT_EQ(r.swapped_nodes, 0u) << "seed " << seed << " at " << r.first_swap;
    EXPECT_GT(run(w, "none", options).swapped_nodes, 0u) << "it would have swapped at home";
    expect_calm(r, w.nodes.size());
  }
}

TEST(Economy, MovesPerJobStayBelowTheLogarithm) {
  for (const char* name : {"make", "sweep", "io-mix", "churn", "crowded"}) {
    SCOPED_TRACE(name);
    const Workload w = make_workload(name, 3, 0);
    RunOptions options;
    options.seed = 3;
    expect_calm(run(w, "starling", options), w.nodes.size());
    options.economy.place = false;
    const RunResult r = run(w, "starling", options);
    expect_calm(r, w.nodes.size());
  }
}

// Forty homes with one job too many each, and one idle node with room for one.
Workload herd() {
  Workload w;
  w.name = "herd";
  for (int i = 0; i < 41; ++i) w.nodes.push_back({1, 1, 1e9});
  for (uint32_t home = 0; home < 40; ++home) {
    for (int k = 0; k < 2; ++k) {
      JobSpec job;
      job.home = home;
      job.work = 30;
      w.jobs.push_back(job);
    }
  }
  return w;
}

TEST(Economy, NoHerdRunsToAnIdleNode) {
  RunOptions options = moves_only(true);
  options.until = 20;
  options.policy = "starling";
  const RunResult r = run_economy(herd(), options);
  EXPECT_LE(r.arrivals_most, 3u);
  EXPECT_GE(r.economy.granted, 1u);
  options.economy.reserve = false;
  EXPECT_GT(run_economy(herd(), options).arrivals_most, 3u)
      << "without reservations there is a herd: the test can see one";
}

TEST(Economy, ALookCostsTheSameWithTenThousandNodes) {
  const auto cost = [](uint32_t nodes) {
    RunOptions options = moves_only(false);
    options.policy = "starling";
    options.until = 20;
    const RunResult r = run_economy(crowded_tenth(5, nodes), options);
    EXPECT_LE(r.arrivals_most, 3u) << nodes << " nodes";  // two processors: room for two
    EXPECT_GT(r.economy.granted, nodes / 4) << "they do move";
    return r.evaluations_per_look;
  };
  const double hundred = cost(100);
  const double thousand = cost(1000);
  const double ten_thousand = cost(10000);
  EXPECT_LE(thousand, 1.25 * hundred);
  EXPECT_LE(ten_thousand, 1.25 * hundred);
}

TEST(Economy, WhatWaitsForDevicesIsLeftAlone) {
  Workload w;
  w.name = "io";
  for (int i = 0; i < 8; ++i) w.nodes.push_back({2, 1, 4e9});
  for (uint32_t i = 0; i < 12; ++i) {
    JobSpec job;
    job.home = i % 2;
    job.work = 20;
    job.wait = 4;
    job.calls = 20000;
    w.jobs.push_back(job);
  }
  const RunResult ours = run(w, "starling");
  const RunResult native = run(w, "none");
  EXPECT_LE(ours.makespan, 1.03 * native.makespan);
  EXPECT_LE(ours.slowdown, 1.03 * native.slowdown);
  EXPECT_EQ(ours.moves_per_job, 0);
}

TEST(Economy, ChurnLosesOnlyWhatACrashTakesAlong) {
  Workload w = churn(4);
  EXPECT_GT(run(w, "starling", moves_only(true)).moves_per_job, 0);
  std::erase_if(w.churn, [](const Churn& c) { return c.what == Churn::What::kCrash; });
  EXPECT_EQ(run(w, "starling").restarts, 0u) << "goodbyes and owners lose nothing";
}

TEST(Economy, TheRealMembershipAndTheModelledAgesAgree) {
  const Workload w = crowded_tenth(2, 100);
  const RunResult real = run(w, "starling", moves_only(true));
  const RunResult aged = run(w, "starling", moves_only(false));
  EXPECT_NEAR(real.makespan / aged.makespan, 1, 0.1);
  EXPECT_NEAR(real.slowdown / aged.slowdown, 1, 0.1);
  EXPECT_LT(real.board_mean_age, 2) << "seconds, of the freshest entries";
  expect_calm(real, 100);
}

TEST(Economy, AThousandNodesOfRealMembershipSpreadTheirWork) {
  RunOptions options = moves_only(true);
  options.policy = "starling";
  options.until = 20;
  const RunResult r = run_economy(crowded_tenth(5, 1000), options);
  EXPECT_LE(r.arrivals_most, 3u);
  EXPECT_GT(r.economy.granted, 250u);
}

TEST(Economy, TheSameSeedGivesTheSameRun) {
  const Workload w = churn(9);
  const RunResult a = run(w, "starling", moves_only(true));
  const RunResult b = run(w, "starling", moves_only(true));
  EXPECT_EQ(a.makespan, b.makespan);
  EXPECT_EQ(a.economy.asked, b.economy.asked);
  EXPECT_EQ(a.moves_per_job, b.moves_per_job);
}

TEST(Bound, NobodyBeatsIt) {
  for (const std::string& name : workload_names()) {
    const Workload w = make_workload(name, 6, name == "crowded" ? 20 : 0);
    const Bound bound = offline_bound(w);
    for (const char* policy : {"starling", "e-pvm"}) {
      const RunResult r = run(w, policy);
      EXPECT_GE(r.makespan, bound.makespan * 0.999) << name << " " << policy;
      EXPECT_GE(r.slowdown, bound.slowdown * 0.999) << name << " " << policy;
    }
  }
}

TEST(Bound, OneMachineAndOneJobAreExact) {
  Workload w = burst(1, {2}, 60);
  EXPECT_NEAR(offline_bound(w).makespan, 30, 1e-9);
  EXPECT_NEAR(offline_bound(w).slowdown, 1, 1e-9);
}

}  // namespace
}  // namespace starling::sim
