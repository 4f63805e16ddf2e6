// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/economy_world.h"

#include <algorithm>
#include <cmath>

namespace starling::sim {

namespace {
constexpr double kDragSpeed = 0.5;  // of a job whose pages are still coming
constexpr double kDone = 1e-9;
}  // namespace

World::World(const Workload& workload, Policy& policy, uint64_t seed)
    : workload_(workload), policy_(policy), random_(seed), unfinished_(workload.jobs.size()) {
  for (const NodeSpec& spec : workload_.nodes) nodes_.emplace_back().spec = spec;
  waiting_.resize(workload_.jobs.size());
  for (size_t i = 0; i < workload_.jobs.size(); ++i) {
    const auto index = static_cast<uint32_t>(i);
    jobs_.emplace_back().spec = workload_.jobs[i];
    jobs_.back().left = workload_.jobs[i].work;
    if (workload_.jobs[i].after >= 0) {
      waiting_[static_cast<size_t>(workload_.jobs[i].after)].push_back(index);
    } else {
      push(workload_.jobs[i].arrival, What::kArrival, index);
    }
  }
  for (uint32_t i = 0; i < nodes_.size(); ++i) push(random_.uniform() * kTick, What::kTick, i);
  for (uint32_t i = 0; i < workload_.churn.size(); ++i) {
    push(workload_.churn[i].at, What::kChurn, i);
  }
}

void World::push(double at, What what, uint32_t index, uint64_t version) {
  queue_.push({at, order_++, what, index, version});
}

void World::at(double when, std::function<void()> what) {
  if (free_calls_.empty()) {
    free_calls_.push_back(static_cast<uint32_t>(calls_.size()));
    calls_.emplace_back();
  }
  const uint32_t slot = free_calls_.back();
  free_calls_.pop_back();
  calls_[slot] = std::move(what);
  push(std::max(when, now_), What::kCall, slot);
}

void World::settle(uint32_t index) {
  SimNode& node = nodes_[index];
  const double passed = now_ - node.updated;
  if (passed <= 0) return;
  node.updated = now_;
  node.meter = node.runnable + (node.meter - node.runnable) * std::exp(-passed / kMeter);
  for (const uint32_t id : node.jobs) {
    Job& job = jobs_[id];
    job.left -= job.rate * passed;
    // Of all its threads.
    job.cpu_used += job.rate * passed / node.spec.speed * job.spec.threads;
    if (job.rate > 0 && job.memory < job.spec.memory_most) {
      const double grown = std::min(job.spec.memory_most, job.memory + job.spec.growth * passed);
      node.used += grown - job.memory;
      job.memory = grown;
    }
  }
}

// Shares of the processors, from what every job would use: two passes, as a job that waits for
// calls leaves processor time to others.
void World::recompute(uint32_t index) {
  SimNode& node = nodes_[index];
  node.used = node.held;
  for (const uint32_t id : node.jobs) node.used += jobs_[id].memory;
  const bool swapping = node.used > node.spec.memory;
  if (swapping && node.swapped_at < 0) node.swapped_at = now_;
  const double slow = (swapping ? workload_.model.thrash : 1.0) / node.spec.speed;
  double runnable = 0;
  for (const uint32_t id : node.jobs) {
    if (jobs_[id].state == JobState::kRunning) runnable += jobs_[id].spec.threads;
  }
  for (int pass = 0; pass < 8; ++pass) {
    const double crowd = std::max(1.0, runnable / node.spec.cpus);
    double sum = 0;
    for (const uint32_t id : node.jobs) {
      Job& job = jobs_[id];
      if (job.state != JobState::kRunning) {
        job.demand = job.rate = 0;
        continue;
      }
      const double compute = crowd * slow;
      double wait = job.spec.wait;
      if (job.node != job.spec.home) {
        wait += job.spec.calls * (workload_.round_trip + workload_.model.call_overhead);
      }
      job.demand = job.spec.threads * compute / (compute + wait);
      job.rate = 1 / (compute + wait) * (job.dragging_from >= 0 ? kDragSpeed : 1.0);
      sum += job.demand;
    }
    if (std::abs(sum - runnable) < 1e-6) break;
    runnable = pass < 2 ? sum : (sum + runnable) / 2;
  }
  node.runnable = runnable;
  ++node.version;
  double next = 1e18;
  for (const uint32_t id : node.jobs) {
    const Job& job = jobs_[id];
    if (job.rate > 0) next = std::min(next, now_ + std::max(0.0, job.left) / job.rate);
  }
  if (next < 1e17) push(next, What::kFinish, index, node.version);
}

economy::Machine World::measure(uint32_t index) {
  settle(index);
  const SimNode& node = nodes_[index];
  economy::Machine m;
  m.cpus = node.spec.cpus;
  m.speed = node.spec.speed;
  m.load = node.meter;
  m.memory_total = node.spec.memory;
  m.memory_free = std::max(0.0, node.spec.memory - node.used);
  m.round_trip = economy::Time{workload_.round_trip};
  m.owner_present = node.owner;
  return m;
}

void World::start(uint32_t id, uint32_t index) {
  Job& job = jobs_[id];
  settle(index);
  job.state = JobState::kRunning;
  job.node = index;
  job.memory = job.spec.memory;
  if (job.began < 0) job.began = now_;
  nodes_[index].jobs.push_back(id);
  recompute(index);
}

void World::remove(uint32_t id) {
  SimNode& node = nodes_[jobs_[id].node];
  std::erase(node.jobs, id);
}

void World::arrive(uint32_t id) {
  Job& job = jobs_[id];
  job.spec.arrival = now_;
  if (!nodes_[job.spec.home].up) {
    at(now_ + 1, [this, id] { arrive(id); });
    return;
  }
  uint32_t where = policy_.place(*this, id);
  if (!nodes_[where].up) where = job.spec.home;
  if (where != job.spec.home) {
    ++job.placed_elsewhere;
    nodes_[where].arrivals.push_back(now_);
  }
  start(id, where);
}

void World::finish_due(uint32_t index) {
  settle(index);
  std::vector<uint32_t> over;
  for (const uint32_t id : nodes_[index].jobs) {
    if (jobs_[id].state == JobState::kRunning && jobs_[id].left <= kDone * jobs_[id].spec.work) {
      over.push_back(id);
    }
  }
  for (const uint32_t id : over) {
    Job& job = jobs_[id];
    remove(id);
    job.state = JobState::kDone;
    job.ended = now_;
    --unfinished_;
  }
  recompute(index);
  for (const uint32_t id : over) {
    policy_.ended(*this, id);
    for (const uint32_t next : waiting_[id]) push(now_, What::kArrival, next);
  }
}

bool World::move(uint32_t id, uint32_t to, bool for_balance) {
  Job& job = jobs_[id];
  if (job.state != JobState::kRunning || job.node == to || !nodes_[to].up) return false;
  const uint32_t from = job.node;
  settle(from);
  if (for_balance && now_ - job.last_move < 3) ++job.early_moves;
  job.state = JobState::kFrozen;
  ++job.moves;
  job.last_move = now_;
  recompute(from);
  const uint32_t life = job.restarts;
  at(now_ + workload_.model.freeze, [this, id, from, to, life] {
    Job& moved = jobs_[id];
    if (moved.state != JobState::kFrozen || moved.restarts != life) return;
    settle(from);
    settle(to);
    const uint32_t landing = nodes_[to].up ? to : from;
    if (landing == to) {
      remove(id);
      SimNode& source = nodes_[from];
      source.held += moved.memory;
      ++source.outgoing;
      moved.node = to;
      moved.dragging_from = from;
      nodes_[to].jobs.push_back(id);
      nodes_[to].arrivals.push_back(now_);
      const double bytes = moved.memory;
      const double takes = bytes * source.outgoing / workload_.model.bandwidth;
      at(now_ + takes, [this, id, from, bytes, life] {
        settle(from);
        nodes_[from].held -= bytes;
        --nodes_[from].outgoing;
        recompute(from);
        Job& here = jobs_[id];
        if (here.dragging_from != from || here.restarts != life) return;
        here.dragging_from = -1;
        if (here.state == JobState::kDone) return;
        settle(here.node);
        recompute(here.node);
      });
    }
    moved.state = JobState::kRunning;
    recompute(from);
    recompute(to);
    policy_.landed(*this, id);
  });
  return true;
}

void World::churn(const Churn& event) {
  SimNode& node = nodes_[event.node];
  settle(event.node);
  switch (event.what) {
    case Churn::What::kReturn:
      node.up = true;
      break;
    case Churn::What::kOwnerGoes:
      node.owner = false;
      break;
    case Churn::What::kOwnerComes:
      node.owner = true;
      break;
    case Churn::What::kCrash:
    case Churn::What::kLeave:
      break;
  }
  policy_.changed(*this, event);
  if (event.what != Churn::What::kCrash && event.what != Churn::What::kLeave) return;
  // What is still there is lost and is started again by its user, at home or when home is back.
  node.up = false;
  const std::vector<uint32_t> lost = node.jobs;
  node.jobs.clear();
  recompute(event.node);
  for (const uint32_t id : lost) {
    Job& job = jobs_[id];
    ++job.restarts;
    job.left = job.spec.work;
    job.dragging_from = -1;
    job.cpu_used = 0;
    job.state = JobState::kWaiting;
    const double arrival = job.spec.arrival;
    at(now_ + 2, [this, id, arrival] {
      arrive(id);
      jobs_[id].spec.arrival = arrival;
    });
  }
}

void World::run(double until) {
  const double end = std::min(until, workload_.limit);
  if (now_ == 0) policy_.begin(*this);
  while (!queue_.empty() && unfinished_ > 0 && queue_.top().at <= end) {
    const Item item = queue_.top();
    queue_.pop();
    if (item.what == What::kFinish && item.version != nodes_[item.index].version) continue;
    now_ = item.at;
    if (advance) advance(now_);
    switch (item.what) {
      case What::kCall: {
        const std::function<void()> call = std::move(calls_[item.index]);
        free_calls_.push_back(item.index);
        call();
        break;
      }
      case What::kArrival:
        arrive(item.index);
        break;
      case What::kFinish:
        finish_due(item.index);
        break;
      case What::kTick:
        push(now_ + kTick * (0.95 + 0.1 * random_.uniform()), What::kTick, item.index);
        if (!nodes_[item.index].up) break;
        ++ticks_;
        settle(item.index);
        recompute(item.index);
        policy_.tick(*this, item.index);
        break;
      case What::kChurn:
        churn(workload_.churn[item.index]);
        break;
    }
  }
  if (unfinished_ > 0 && until < 1e17) now_ = std::max(now_, end);
}

}  // namespace starling::sim
