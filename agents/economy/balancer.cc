// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/economy/balancer.h"

#include <algorithm>
#include <cmath>

namespace starling::economy {

// The best place found for one process.
struct Balancer::Option {
  Cost stay;
  Cost there;
  NodeId to = 0;
  bool home = false;
  Time round_trip{0};
  double gain = 0;            // in costs; meaningful if to != 0
  bool growth_counts = true;  // there is room for it to grow
};

namespace {

// The machine without one process that runs on it and is measured with it.
Machine without(Machine machine, const Process& process) {
  machine.load = std::max(0.0, machine.load - process.threads);
  machine.memory_free = std::min(machine.memory_total, machine.memory_free + process.memory);
  return machine;
}

}  // namespace

Balancer::Known& Balancer::known(ProcessId process, Time now) {
  if (known_.size() >= settings_.most_known && !known_.contains(process)) {
    known_.erase(
        std::ranges::min_element(known_, {}, [](const auto& entry) { return entry.second.heard; }));
  }
  Known& found = known_[process];
  found.heard = now;
  return found;
}

Cost Balancer::price(const Process& process, const Machine& machine, Route route) {
  ++evaluations_;
  return marginal_cost(process, machine, route, market_.scale(), model_);
}

// Looked at are the longest running at home, which are likely to go on longest, and some others in
// turn, so that everything gets its turn.
std::vector<const Candidate*> Balancer::choose(const Machine& self,
                                               std::span<const Candidate> processes) {
  std::vector<const Candidate*> all;
  for (const Candidate& c : processes) {
    const auto it = known_.find(c.process.id);
    if (it != known_.end() && it->second.under_way) continue;
    all.push_back(&c);
  }
  const std::size_t most = settings_.most_processes;
  if (all.size() <= most) return all;
  const auto key = [&](const Candidate* c) {
    return (c->must_leave ? 1e15 : 0.0) + (c->at == self.id ? 1e12 : 0.0) +
           c->process.threads * c->process.cpu_used + std::max(0.0, c->process.memory_growth);
  };
  const std::size_t first = most / 2;
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(first), all.end(),
                   [&](const Candidate* a, const Candidate* b) { return key(a) > key(b); });
  for (std::size_t i = first; i < most; ++i) {
    const std::size_t rest = all.size() - i;
    std::swap(all[i], all[i + turn_++ % rest]);
  }
  all.resize(most);
  return all;
}

Cost Balancer::staying(const Candidate& candidate, const Machine& self) {
  if (candidate.at == self.id) {
    return price(candidate.process, without(self, candidate.process), {.at_home = true});
  }
  const Machine* host = market_.find(candidate.at);
  if (host == nullptr) {
    // Nothing fresh is known of where it is: as if it stood alone on a machine like this one.
    Machine unknown = self;
    unknown.load = 0;
    unknown.memory_free = unknown.memory_total;
    return price(candidate.process, unknown, {});
  }
  return price(candidate.process, without(*host, candidate.process), {});
}

Balancer::Option Balancer::best_option(const Candidate& candidate, const Machine& self,
                                       bool memory_short, Time now) {
  Option best;
  best.stay = staying(candidate, self);
  Process there = candidate.process;
  const auto consider = [&](const Machine& machine, bool home) {
    if (machine.id == candidate.at) return;
    const Cost cost = price(there, machine, {.at_home = home, .arrives = true, .drags = true});
    if (!cost.possible()) return;
    const double gain = best.stay.total() - cost.total();
    const bool better = best.to == 0 || gain > best.gain;
    if (!better) return;
    best.there = cost;
    best.to = machine.id;
    best.home = home;
    best.round_trip = machine.round_trip;
    best.gain = gain;
  };
  for (const Machine& machine : market_.machines()) {
    if (!market_.shunned(machine.id, now)) consider(machine, false);
  }
  consider(self, true);
  if (memory_short && candidate.at == self.id && best.to == 0 && there.memory_growth > 0) {
    // Nowhere is room for it to grow: any place buys time. (A host that asks has more room left.)
    there.memory_growth = 0;
    for (const Machine& machine : market_.machines()) {
      if (!market_.shunned(machine.id, now)) consider(machine, false);
    }
    best.growth_counts = false;
  }
  return best;
}

Proposal Balancer::propose(const Candidate& candidate, const Option& option, Cause cause,
                           Time now) {
  Proposal p;
  p.to = option.to;
  p.from = candidate.at;
  p.home = option.home;
  p.cause = cause;
  p.request.process = candidate.process;
  if (!option.growth_counts) p.request.process.memory_growth = 0;
  p.request.round_trip = option.round_trip;
  p.request.at_home = option.home;
  p.request.drags = cause != Cause::kPlacement;
  p.request.from = market_.self();
  p.request.scale = market_.scale();
  const double ratio = least_ratio(option.stay, market_.scale(), model_);
  // Before swapping any place with room is good; else it must still be worth it when it is asked.
  p.request.bid =
      cause == Cause::kBalance || cause == Cause::kPlacement ? option.stay.total() / ratio : 1e300;
  p.decision = {.at = now,
                .process = candidate.process.id,
                .from = candidate.at,
                .to = option.to,
                .cause = cause,
                .outcome = Outcome::kAsked,
                .stay = option.stay,
                .there = option.there,
                .ratio = ratio,
                .scale = market_.scale(),
                .why = {}};
  known(candidate.process.id, now).under_way = true;
  market_.moved(option.to, candidate.process.threads, candidate.process.memory, now);
  market_.moved(candidate.at, -candidate.process.threads, -candidate.process.memory, now);
  return p;
}

void Balancer::note_stay(const Candidate& candidate, const Option& option, const Wishes& wishes,
                         Time now) {
  Known& k = known(candidate.process.id, now);
  if (now - k.noted < settings_.quiet_journal) return;
  k.noted = now;
  Decision d{.at = now,
             .process = candidate.process.id,
             .from = candidate.at,
             .to = option.to,
             .cause = Cause::kBalance,
             .outcome = Outcome::kStayed,
             .stay = option.stay,
             .there = option.there,
             .ratio = least_ratio(option.stay, market_.scale(), model_),
             .scale = market_.scale(),
             .why = {}};
  if (!candidate.can_move) {
    d.why = candidate.why_not.empty() ? "it cannot move" : candidate.why_not;
  } else if (candidate.stay) {
    d.why = "its owner wants it to stay";
  } else if (wishes.stay && candidate.at == market_.self()) {
    d.why = "nothing is to leave this node by itself";
  } else if (!k.residency.may_move(now, Cause::kBalance)) {
    d.why = "it moved lately and has to stay for a while";
  } else if (option.to == 0) {
    d.why = "no other node would take it";
  } else {
    d.why = "the best other place is not enough better";
  }
  journal_.add(std::move(d));
}

std::vector<Proposal> Balancer::look(const Machine& measured, std::span<const Candidate> processes,
                                     const Wishes& wishes, Time now, double relief) {
  std::vector<Proposal> proposals;
  Machine self = measured;
  double largest = 0;
  double threads_here = 0;
  for (const Candidate& c : processes) {
    if (c.at != self.id) continue;
    largest = std::max(largest, c.process.memory);
    // What is on its way is as good as gone.
    const auto it = known_.find(c.process.id);
    if (it != known_.end() && it->second.under_way) {
      self = without(self, c.process);
    } else {
      threads_here += c.process.threads;
    }
  }
  std::erase_if(departures_, [&](const Departure& d) { return now - d.at > 8 * settings_.settle; });
  for (const Departure& d : departures_) {
    self.load -= d.threads * std::exp(-std::max(0.0, (now - d.at) / settings_.settle));
  }
  self.load = std::max(self.load, threads_here);
  memory_.sample(now, self.memory_free, self.memory_total);
  if (wishes.quiet) return proposals;
  double missing = std::max(0.0, memory_.shortfall(largest, model_) - relief);
  std::vector<const Candidate*> looked_at = choose(self, processes);
  std::vector<Option> options(looked_at.size());

  while (proposals.size() < settings_.most_proposals && !looked_at.empty()) {
    // After a proposal everything looks different; there are few of both.
    std::size_t chosen = looked_at.size();
    double chosen_score = 0;
    Cause chosen_cause = Cause::kBalance;
    for (std::size_t i = 0; i < looked_at.size(); ++i) {
      const Candidate& c = *looked_at[i];
      const bool here = c.at == self.id;
      const bool ushering = (missing > 0 && here) || (c.must_leave && !here);
      Option& option = options[i] = best_option(c, self, ushering, now);
      const bool willing = c.can_move && !c.stay && !(here && wishes.stay);
      if (!willing || option.to == 0) continue;
      const auto it = known_.find(c.process.id);
      const Cause cause = ushering ? Cause::kMemory : Cause::kBalance;
      if (it != known_.end() && !it->second.residency.may_move(now, cause)) continue;
      if (ushering) {  // Who relieves the memory enough, with the least to drag; else who relieves
                       // it most.
        const double freed =
            c.process.memory + std::max(0.0, c.process.memory_growth) * model_.foresight;
        const double score =
            1e9 + (freed >= missing ? 1e9 / (1 + c.process.memory * 1e-6) : freed * 1e-9);
        if (score > chosen_score) {
          chosen = i;
          chosen_score = score;
          chosen_cause = Cause::kMemory;
        }
        continue;
      }
      if (!worth_moving(option.stay, option.there, false, market_.scale(), model_)) continue;
      if (option.gain > chosen_score) {
        chosen = i;
        chosen_score = option.gain;
        chosen_cause = Cause::kBalance;
      }
    }
    if (chosen == looked_at.size()) break;
    const Candidate& c = *looked_at[chosen];
    const Option option = options[chosen];
    looked_at.erase(looked_at.begin() + static_cast<std::ptrdiff_t>(chosen));
    options.erase(options.begin() + static_cast<std::ptrdiff_t>(chosen));
    // Other homes see the same crowded host. If all of them fetched theirs it would be empty: each
    // does with the chance that makes the two places even.
    if (c.at != self.id && chosen_cause == Cause::kBalance) {
      const double even = 0.5 * (1 - option.there.delay / std::max(option.stay.delay, 1e-9));
      if (random_() >= std::clamp(even, 0.05, 0.5)) continue;
    }
    proposals.push_back(propose(c, option, chosen_cause, now));
    if (c.at == self.id) {
      self = without(self, c.process);
      missing = std::max(0.0, missing - c.process.memory -
                                  std::max(0.0, c.process.memory_growth) * model_.foresight);
    }
    if (option.home) {
      self.load += c.process.threads;
      self.memory_free = std::max(0.0, self.memory_free - c.process.memory);
    }
  }
  for (std::size_t i = 0; i < looked_at.size(); ++i)
    note_stay(*looked_at[i], options[i], wishes, now);
  return proposals;
}

NodeId Balancer::place(const Process& process, const Machine& self, const Wishes& wishes, Time now,
                       Proposal& proposal) {
  if (wishes.stay || wishes.quiet) return self.id;
  Option best;
  best.stay = price(process, self, {.at_home = true});
  for (const Machine& machine : market_.machines()) {
    if (market_.shunned(machine.id, now)) continue;
    // Nothing to drag yet, but what it is expected to need has to have room.
    const Cost cost = price(process, machine, {.arrives = true});
    if (!cost.possible()) continue;
    const double gain = best.stay.total() - cost.total();
    if (best.to != 0 && gain <= best.gain) continue;
    best.there = cost;
    best.to = machine.id;
    best.round_trip = machine.round_trip;
    best.gain = gain;
  }
  if (best.to == 0 || !worth_moving(best.stay, best.there, false, market_.scale(), model_)) {
    return self.id;
  }
  Candidate candidate{.process = process, .at = self.id, .why_not = {}};
  proposal = propose(candidate, best, Cause::kPlacement, now);
  return best.to;
}

void Balancer::answered(const Proposal& proposal, const Answer* answer, Time now) {
  if (answer != nullptr) market_.answered(proposal.to, *answer, now);
  if (proposal.home || (answer != nullptr && answer->ticket != 0)) return;
  known(proposal.request.process.id, now).under_way = false;
  market_.moved(proposal.from, proposal.request.process.threads, proposal.request.process.memory,
                now);
  Decision d = proposal.decision;
  d.at = now;
  d.outcome = Outcome::kRefused;
  if (answer == nullptr) {
    d.why = "it did not answer";
    Answer silence;
    silence.retry = Time{5};
    if (const Machine* m = market_.find(proposal.to)) {
      silence.load = m->load;
      silence.memory_free = m->memory_free;
    }
    market_.answered(proposal.to, silence, now);
  } else {
    d.there = answer->cost;
    if (answer->full) {
      d.why = "it has promised as many places as it may for now";
    } else if (answer->too_dear) {
      d.why = "it costs more there by now than was bid";
    } else if (const char* why = describe(answer->cost.obstacle)) {
      d.why = why;
    }
  }
  journal_.add(std::move(d));
}

void Balancer::finished(const Proposal& proposal, bool moved, Time now) {
  Known& k = known(proposal.request.process.id, now);
  k.under_way = false;
  Decision d = proposal.decision;
  d.at = now;
  d.outcome = moved ? Outcome::kMoved : Outcome::kFailed;
  if (moved) {
    k.residency.moved(now, residency_);
    if (proposal.from == market_.self()) {
      if (departures_.size() >= 256) departures_.erase(departures_.begin());
      departures_.push_back({proposal.request.process.threads, now});
    }
  } else {
    market_.moved(proposal.to, -proposal.request.process.threads, -proposal.request.process.memory,
                  now);
    market_.moved(proposal.from, proposal.request.process.threads, proposal.request.process.memory,
                  now);
  }
  journal_.add(std::move(d));
}

void Balancer::ended(ProcessId process) {
  known_.erase(process);
}

void Balancer::expelled(ProcessId process, Time now) {
  Known& k = known(process, now);
  k.under_way = false;
  k.residency.release();
}

void Balancer::moved_by_hand(ProcessId process, Time now) {
  Known& k = known(process, now);
  k.under_way = false;
  k.residency.moved(now, residency_);
  k.residency.hold(now + residency_.longest);
}

std::uint32_t Balancer::moves(ProcessId process) const {
  const auto it = known_.find(process);
  return it == known_.end() ? 0 : it->second.residency.moves();
}

}  // namespace starling::economy
