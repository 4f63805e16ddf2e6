// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/bound.h"

#include <algorithm>
#include <queue>

namespace starling::sim {

double best_time(const JobSpec& job, const std::vector<NodeSpec>& nodes) {
  double best = 1e18;
  for (const NodeSpec& node : nodes) {
    const double crowd = std::max(1.0, job.threads / node.cpus);
    best = std::min(best, job.work * (crowd / node.speed + job.wait));
  }
  return best;
}

Bound offline_bound(const Workload& workload) {
  Bound bound;
  const size_t n = workload.jobs.size();
  if (n == 0) return bound;
  double capacity = 0;
  for (const NodeSpec& node : workload.nodes) capacity += node.cpus * node.speed;

  // Releases through dependencies, if everything before took its best time. A job's predecessor
  // stands before it in the list.
  std::vector<double> best(n), release(n);
  bool chained = false;
  for (size_t i = 0; i < n; ++i) {
    const JobSpec& job = workload.jobs[i];
    best[i] = best_time(job, workload.nodes);
    release[i] = job.arrival;
    if (job.after >= 0) {
      const auto before = static_cast<size_t>(job.after);
      release[i] = std::max(release[i], release[before] + best[before]);
      chained = true;
    }
    bound.makespan = std::max(bound.makespan, release[i] + best[i]);
  }
  std::vector<size_t> order(n);
  for (size_t i = 0; i < n; ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](size_t i) { return release[i]; });
  double work = 0;
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    work += workload.jobs[*it].work * workload.jobs[*it].threads;
    bound.makespan = std::max(bound.makespan, release[*it] + work / capacity);
  }

  bound.makespan -= release[order.front()];  // as it is measured: from the first arrival

  // No job takes less than its best time.
  bound.slowdown = 1;
  if (chained) return bound;  // its release depends on the schedule: 1 is all that is known
  struct Waiting {
    double ratio;
    size_t job;
    bool operator<(const Waiting& o) const { return ratio < o.ratio; }
  };
  std::priority_queue<Waiting> queue;
  std::vector<double> left(n);
  double sum = 0, now = 0;
  size_t next = 0;
  while (next < n || !queue.empty()) {
    if (queue.empty()) now = std::max(now, release[order[next]]);
    for (; next < n && release[order[next]] <= now; ++next) {
      const size_t i = order[next];
      left[i] = workload.jobs[i].work * workload.jobs[i].threads / capacity;
      queue.push({1 / (best[i] * std::max(left[i], 1e-12)), i});
    }
    const size_t i = queue.top().job;
    const double until = next < n ? release[order[next]] : 1e300;
    const double whole = workload.jobs[i].work * workload.jobs[i].threads / capacity;
    const double slice = std::min(left[i], until - now);
    // Mean busy time: the mean of the moments in which it is worked at.
    if (whole > 0) sum += slice / whole * (now + slice / 2 - release[i]) / best[i];
    left[i] -= slice;
    now += slice;
    if (left[i] <= 1e-12) {
      queue.pop();
      // It ends not before its mean busy time and half of its best time.
      sum += 0.5;
    }
  }
  bound.slowdown = std::max(1.0, sum / static_cast<double>(n));
  return bound;
}

}  // namespace starling::sim
