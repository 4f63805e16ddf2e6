// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/economy/market.h"

#include <algorithm>
#include <cmath>

namespace starling::economy {

Market::Note& Market::note(NodeId id, Time now) {
  if (notes_.size() >= settings_.most_notes && !notes_.contains(id)) {
    notes_.erase(
        std::ranges::min_element(notes_, {}, [](const auto& entry) { return entry.second.heard; }));
  }
  Note& found = notes_[id];
  found.heard = now;
  return found;
}

void Market::forget(Time now) {
  std::erase_if(notes_, [&](const auto& entry) {
    return now - entry.second.heard > Time{60} && now >= entry.second.shun;
  });
}

void Market::look(std::span<const Quote> board, std::size_t nodes, const Machine& self, Time now) {
  forget(now);
  self_ = self.id;
  machines_.clear();
  board = board.subspan(0, std::min(board.size(), settings_.most_quotes));
  top_.observe(load_per_capacity(self) + 1 / std::max(self.speed, 1e-3), now);
  double mean = load_per_capacity(self);
  for (const Quote& quote : board) mean += load_per_capacity(quote.machine);
  mean /= static_cast<double>(board.size() + 1);
  for (const Quote& quote : board) {
    Machine machine = quote.machine;
    Time origin = now - quote.age;
    double load = std::max(machine.load, 0.0);
    if (const auto it = notes_.find(machine.id); it != notes_.end()) {
      Note& known = it->second;
      if (known.exact && known.told > origin) {
        load = known.load;
        machine.memory_free = known.memory_free;
        origin = known.told;
      } else {
        known.exact = false;
      }
      // Of a move the figures show the more, the longer it was over when they were taken.
      std::erase_if(known.corrections,
                    [&](const Correction& c) { return origin - c.at >= settings_.settle; });
      for (const Correction& c : known.corrections) {
        const double unseen = std::clamp(1 - (origin - c.at) / settings_.settle, 0.0, 1.0);
        load = std::max(0.0, load + c.threads * unseen);
        machine.memory_free -= c.memory * unseen;
      }
    }
    // An old load says little; what is likely then is the flock's mean.
    const double trust = std::exp(-std::max(0.0, (now - origin) / settings_.stale));
    const double usual = mean * machine.cpus * machine.speed;
    machine.load = usual + (load - usual) * trust;
    machine.memory_free = std::clamp(machine.memory_free, 0.0, machine.memory_total);
    top_.observe(load_per_capacity(machine), now);
    machines_.push_back(machine);
  }
  scale_ = {.nodes = std::max(2.0, static_cast<double>(nodes)), .top = top_.value(now)};
}

const Machine* Market::find(NodeId id) const {
  const auto it = std::ranges::find(machines_, id, &Machine::id);
  return it == machines_.end() ? nullptr : &*it;
}

bool Market::shunned(NodeId id, Time now) const {
  const auto it = notes_.find(id);
  return it != notes_.end() && now < it->second.shun;
}

void Market::moved(NodeId id, double threads, double memory, Time now) {
  if (id == self_ || id == 0) return;
  Note& known = note(id, now);
  // One node's own moves of a few seconds: more than these are not under way.
  if (known.corrections.size() >= 64) known.corrections.erase(known.corrections.begin());
  known.corrections.push_back({threads, memory, now});
  for (Machine& machine : machines_) {
    if (machine.id != id) continue;
    machine.load = std::max(0.0, machine.load + threads);
    machine.memory_free = std::clamp(machine.memory_free - memory, 0.0, machine.memory_total);
  }
}

void Market::answered(NodeId id, const Answer& answer, Time now) {
  Note& known = note(id, now);
  known.exact = true;
  known.told = now;
  known.load = answer.load;
  known.memory_free = answer.memory_free;
  // Its figures know of all that arrived there; what it refused did not.
  known.corrections.clear();
  if (answer.ticket == 0) known.shun = now + answer.retry;
  for (Machine& machine : machines_) {
    if (machine.id != id) continue;
    machine.load = answer.load;
    machine.memory_free = answer.memory_free;
  }
}

}  // namespace starling::economy
