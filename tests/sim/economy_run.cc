// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/economy_run.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "tests/sim/bound.h"

namespace starling::sim {

namespace {

uint32_t most_within_a_second(std::vector<double> times) {
  std::ranges::sort(times);
  size_t most = 0;
  for (size_t first = 0, last = 0; last < times.size(); ++last) {
    while (times[last] - times[first] >= 1) ++first;
    most = std::max(most, last - first + 1);
  }
  return static_cast<uint32_t>(most);
}

void take_sample(World& world, RunResult& result) {
  Sample sample{world.now(), 0, 0, 0};
  for (uint32_t i = 0; i < world.nodes().size(); ++i) {
    const SimNode& node = world.nodes()[i];
    const double load = node.runnable / (node.spec.cpus * node.spec.speed);
    sample.mean_load += load / static_cast<double>(world.nodes().size());
    sample.most_load = std::max(sample.most_load, load);
  }
  for (const Job& job : world.jobs()) sample.moves += job.moves;
  result.samples.push_back(sample);
  if (world.unfinished() > 0 && result.samples.size() < 5000) {
    world.at(world.now() + 1, [&world, &result] { take_sample(world, result); });
  }
}

}  // namespace

RunResult run_economy(const Workload& workload, const RunOptions& options) {
  std::unique_ptr<Board> board;
  MembershipBoard* real = nullptr;
  if (options.membership) {
    auto made = std::make_unique<MembershipBoard>(workload, options.loss, options.seed + 17);
    real = made.get();
    board = std::move(made);
  } else {
    board = std::make_unique<AgedBoard>(workload, options.seed + 17);
  }
  std::unique_ptr<Policy> policy;
  Economy* ours = nullptr;
  if (options.policy == "starling") {
    auto made = std::make_unique<Economy>(*board, options.economy);
    ours = made.get();
    policy = std::move(made);
  } else {
    policy = make_baseline(options.policy, *board);
  }
  if (!policy) throw std::invalid_argument("no policy '" + options.policy + "'");
  World world(workload, *policy, options.seed);
  world.advance = [&](double now) { board->advance(now); };
  RunResult result;
  if (options.samples) world.at(0, [&] { take_sample(world, result); });
  world.run(options.until);

  result.jobs = world.jobs().size();
  double first = 1e18, last = 0;
  std::vector<double> slowdowns;
  uint64_t moves = 0;
  for (const Job& job : world.jobs()) {
    moves += job.moves;
    result.moves_most = std::max(result.moves_most, job.moves);
    result.placed += job.placed_elsewhere;
    result.early_moves += job.early_moves;
    result.restarts += job.restarts;
    first = std::min(first, job.spec.arrival);
    if (job.state != JobState::kDone) continue;
    ++result.finished;
    last = std::max(last, job.ended);
    slowdowns.push_back((job.ended - job.spec.arrival) / best_time(job.spec, workload.nodes));
  }
  result.makespan = result.finished > 0 ? last - first : 0;
  std::ranges::sort(slowdowns);
  for (const double s : slowdowns) result.slowdown += s / static_cast<double>(slowdowns.size());
  if (!slowdowns.empty()) {
    result.slowdown_most = slowdowns.back();
    result.stretch_95 = slowdowns[slowdowns.size() * 95 / 100];
  }
  if (result.jobs > 0)
    result.moves_per_job = static_cast<double>(moves) / static_cast<double>(result.jobs);
  for (const SimNode& node : world.nodes()) {
    result.arrivals_most = std::max(result.arrivals_most, most_within_a_second(node.arrivals));
    if (node.swapped_at < 0) continue;
    ++result.swapped_nodes;
    if (result.first_swap < 0 || node.swapped_at < result.first_swap) {
      result.first_swap = node.swapped_at;
    }
  }
  if (ours != nullptr) {
    result.economy = ours->counts();
    for (uint32_t i = 0; i < world.nodes().size(); ++i) {
      result.economy.evaluations += ours->balancer(i).evaluations();
    }
    if (result.economy.looks > 0) {
      result.evaluations_per_look = static_cast<double>(result.economy.evaluations) /
                                    static_cast<double>(result.economy.looks);
    }
  }
  if (real != nullptr) {
    result.board_mean_age = real->mean_age();
    result.board_oldest = real->oldest();
  }
  result.virtual_seconds = world.now();
  result.node_ticks = world.ticks();
  result.ended = world.jobs();
  return result;
}

std::string csv_head() {
  return "workload,policy,seed,nodes,board,jobs,finished,makespan_s,slowdown,slowdown_p95,"
         "slowdown_max,moves_per_job,moves_max,placed,early_moves,restarts,swapped_nodes,"
         "first_swap_s,arrivals_per_s_max,asked,refused,evaluations_per_look,cpu_us_per_look\n";
}

std::string csv_line(const std::string& workload, const RunOptions& options, size_t nodes,
                     const RunResult& r) {
  char line[512];
  std::snprintf(
      line, sizeof line,
      "%s,%s,%llu,%zu,%s,%llu,%llu,%.2f,%.3f,%.3f,%.3f,%.3f,%u,%llu,%llu,%llu,%llu,%.2f,"
      "%u,%llu,%llu,%.1f,%.1f\n",
      workload.c_str(), options.policy.c_str(), static_cast<unsigned long long>(options.seed),
      nodes, options.membership ? "membership" : "aged", static_cast<unsigned long long>(r.jobs),
      static_cast<unsigned long long>(r.finished), r.makespan, r.slowdown, r.stretch_95,
      r.slowdown_most, r.moves_per_job, r.moves_most, static_cast<unsigned long long>(r.placed),
      static_cast<unsigned long long>(r.early_moves), static_cast<unsigned long long>(r.restarts),
      static_cast<unsigned long long>(r.swapped_nodes), r.first_swap, r.arrivals_most,
      static_cast<unsigned long long>(r.economy.asked),
      static_cast<unsigned long long>(r.economy.refused), r.evaluations_per_look,
      r.economy.looks > 0 ? r.economy.cpu_seconds * 1e6 / static_cast<double>(r.economy.looks)
                          : 0.0);
  return line;
}

}  // namespace starling::sim
