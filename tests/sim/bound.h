// SPDX-License-Identifier: GPL-2.0-or-later
// What no policy can do better, knowing everything beforehand.
#pragma once

#include "tests/sim/economy_world.h"

namespace starling::sim {

struct Bound {
  // Seconds until the last job is over: the critical path through arrivals and dependencies on the
  // quickest processor, and all work that comes after any moment on all processors together.
  double makespan = 0;
  // Of the average slowdown: the linear program in mean busy times of M. X. Goemans, M. Queyranne,
  // A. S. Schulz, M. Skutella, Y. Wang, "Single Machine Scheduling with Release Dates", SIAM J.
  // Discrete Math. 15(2), 2002, for one machine as quick as all together. Its solution is the
  // preemptive schedule by weight over work; here the weight of a job is one over its best time.
  double slowdown = 0;
};

// The time the job needs alone on the best machine of the workload.
double best_time(const JobSpec& job, const std::vector<NodeSpec>& nodes);
Bound offline_bound(const Workload& workload);

}  // namespace starling::sim
