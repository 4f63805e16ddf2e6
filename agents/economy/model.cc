// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/economy/model.h"

#include <algorithm>
#include <cmath>

namespace starling::economy {

namespace {

// Beyond this a cost says only "far too much"; sums of a few still are finite numbers.
constexpr double kSteepest = 200;
constexpr double kTiny = 1e-9;

// n^(x), without overflow.
double price(double log_base, double x) {
  return std::exp(std::min(log_base * x, kSteepest));
}

double capacity(const Machine& m) {
  return std::max(m.cpus, kTiny) * std::max(m.speed, kTiny) * std::clamp(m.weight, kTiny, 1.0);
}

}  // namespace

const char* describe(Obstacle obstacle) {
  switch (obstacle) {
    case Obstacle::kNone:
      return nullptr;
    case Obstacle::kBlocked:
      return "it takes no guests";
    case Obstacle::kOwner:
      return "its owner is at the keyboard";
    case Obstacle::kFeatures:
      return "its processor lacks what the process may use";
    case Obstacle::kMemory:
      return "it has no room in memory";
  }
  return "of an unknown obstacle";
}

double load_per_capacity(const Machine& machine) {
  return std::max(machine.load, 0.0) / capacity(machine);
}

double drag_seconds(const Process& process, const Settings& settings) {
  return settings.freeze + std::max(process.memory, 0.0) / std::max(settings.bandwidth, 1.0);
}

Cost marginal_cost(const Process& process, const Machine& machine, Route route, const Scale& scale,
                   const Settings& settings) {
  Cost cost;
  const double log_base = std::log(std::max(scale.nodes, 2.0));
  const double top = std::max(scale.top, kTiny);
  const double load = std::max(machine.load, 0.0);
  const double threads = std::max(process.threads, 0.0);
  const double weight = std::clamp(machine.weight, kTiny, 1.0);
  const double cpus = std::max(machine.cpus, kTiny) * (route.at_home ? 1.0 : weight);
  const double speed = std::max(machine.speed, kTiny);
  const double total = std::max(machine.memory_total, 1.0);
  const double memory = std::max(process.memory, 0.0);
  const double used = std::clamp(1 - machine.memory_free / total, 0.0, 1.0);
  const double used_after = used + memory / total;

  if (!route.at_home) {
    if (machine.blocked) cost.obstacle = Obstacle::kBlocked;
    if (machine.owner_present) cost.obstacle = Obstacle::kOwner;
    if ((process.features & ~machine.features) != 0) cost.obstacle = Obstacle::kFeatures;
  }
  const double growth =
      (std::max(process.memory_growth, 0.0) + std::max(machine.memory_trend, 0.0)) *
      settings.foresight / total;
  if (route.arrives && used_after + growth > 1 - settings.memory_reserve && cost.possible()) {
    cost.obstacle = Obstacle::kMemory;
  }

  // A thread cannot use more than one processor, so an idle machine of many slow processors is not
  // as good as one quick one: its own time, beside what it takes from the others.
  const double crowd = std::max(1.0, (load + threads) / cpus);
  const double swapping = used_after > 1 ? std::max(settings.thrash, 1.0) : 1.0;
  const double compute = crowd * swapping / speed;
  const double call =
      route.at_home ? 0
                    : std::max(process.calls, 0.0) *
                          (std::max(machine.round_trip.count(), 0.0) + settings.call_overhead);
  // Who has run for long will run for long (Harchol-Balter and Downey 1997): what moving costs is
  // spread over the time the process is expected to go on.
  const double rest = std::max({process.cpu_used, settings.least_life, kTiny});
  const double drag = route.drags ? drag_seconds(process, settings) / rest : 0;
  cost.delay = compute + call + drag;

  // While it waits for forwarded calls it uses no processor.
  const double demand = threads * compute / (compute + call);
  const double before = load / (cpus * speed);
  const double after = (load + demand) / (cpus * speed);
  cost.cpu = price(log_base, after / top) - price(log_base, before / top);
  cost.memory = price(log_base, used_after) - price(log_base, used);
  const double own = price(log_base, compute / top);
  const double with_calls = price(log_base, (compute + call) / top);
  cost.own = threads * (own - 1);
  cost.calls = threads * (with_calls - own);
  cost.drag = threads * (price(log_base, cost.delay / top) - with_calls);
  cost.wishes = route.at_home ? 0 : std::max(process.reluctance, 0.0);
  return cost;
}

double least_ratio(const Cost& stay, const Scale& scale, const Settings& settings) {
  const double log_base = std::log(std::max(scale.nodes, 2.0));
  return price(log_base, settings.hysteresis * stay.delay / std::max(scale.top, kTiny));
}

bool worth_moving(const Cost& stay, const Cost& there, bool memory_short, const Scale& scale,
                  const Settings& settings) {
  if (!there.possible()) return false;
  if (!stay.possible()) return true;
  const double ratio = least_ratio(stay, scale, settings);
  if (there.total() * ratio >= stay.total()) return false;
  return memory_short || there.time() * ratio < stay.time();
}

}  // namespace starling::economy
