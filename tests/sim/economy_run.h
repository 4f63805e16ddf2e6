// SPDX-License-Identifier: GPL-2.0-or-later
// One workload under one policy, and the figures that come of it.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/policies.h"
#include "tests/sim/workloads.h"

namespace starling::sim {

struct RunOptions {
  std::string policy = "starling";
  uint64_t seed = 1;
  bool membership = false;  // the real membership code; else entries of the ages it gives
  double loss = 0;          // of its datagrams
  PolicyOptions economy;
  double until = 1e18;
  bool samples = false;  // keep a line per second for plots
};

struct Sample {
  double at;
  double mean_load, most_load;  // per capacity, over the nodes
  uint64_t moves;
};

struct RunResult {
  double makespan = 0;  // s, from the first arrival to the last end
  double slowdown = 0;  // mean of time in the flock over the best time alone
  double slowdown_most = 0;
  double stretch_95 = 0;  // 95th percentile of the slowdown
  uint64_t jobs = 0, finished = 0;
  double moves_per_job = 0;
  uint32_t moves_most = 0;
  uint64_t placed = 0;
  uint64_t early_moves = 0;  // moved for balance within the first residency
  uint64_t restarts = 0;
  uint64_t swapped_nodes = 0;
  double first_swap = -1;
  uint32_t arrivals_most = 0;  // from elsewhere, at one node within one second
  EconomyCounts economy;
  double evaluations_per_look = 0;
  double board_mean_age = 0, board_oldest = 0;  // s; real membership only
  double virtual_seconds = 0;
  uint64_t node_ticks = 0;
  std::vector<Sample> samples;
  std::vector<Job> ended;
};

// Throws std::invalid_argument for an unknown policy.
RunResult run_economy(const Workload& workload, const RunOptions& options);

std::string csv_head();
std::string csv_line(const std::string& workload, const RunOptions& options, size_t nodes,
                     const RunResult& result);

}  // namespace starling::sim
