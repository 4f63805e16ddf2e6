// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/boards.h"

#include <algorithm>
#include <cmath>

namespace starling::sim {

namespace {
constexpr double kPeriod = 0.2;     // s, of the gossip
constexpr double kDetection = 2.0;  // s until a crashed node is off the board
constexpr double kWarm = 5;         // s the flock is up before the first job
}  // namespace

MembershipBoard::MembershipBoard(const Workload& workload, double loss, uint64_t seed)
    : workload_(workload), net_(NetworkOptions{.seed = seed, .loss = loss, .drift = 50e-6}) {
  for (size_t i = 0; i < workload.nodes.size(); ++i) net_.add_node();
  for (uint32_t i = 0; i < workload.nodes.size(); ++i) set_up(i, true);
  net_.preload_all();
  for (uint32_t i = 0; i < workload.nodes.size(); ++i) {
    const NodeSpec& spec = workload.nodes[i];
    economy::Machine m;
    m.cpus = spec.cpus;
    m.speed = spec.speed;
    m.memory_total = m.memory_free = spec.memory;
    publish(i, m, 0);
  }
  net_.run_for(Time{static_cast<int64_t>(kWarm * 1e6)});
  begun_ = net_.now();
}

void MembershipBoard::advance(double now) {
  net_.run_until(begun_ + Time{static_cast<int64_t>(now * 1e6)});
}

void MembershipBoard::publish(uint32_t node, const economy::Machine& machine, double) {
  if (!net_.up(node)) return;
  membership::LocalFacts facts;
  facts.load = machine.load;
  facts.memory_total = static_cast<uint64_t>(machine.memory_total);
  facts.memory_free = static_cast<uint64_t>(machine.memory_free);
  facts.cpus = static_cast<uint32_t>(machine.cpus);
  facts.speed = static_cast<uint32_t>(std::lround(machine.speed * 1000));
  facts.hostname = "n" + std::to_string(node);
  facts.addresses = {membership::Address{
      .hi = membership::kLinkLocalPrefix, .lo = node + 1, .scope = 1, .port = 7777}};
  net_.member(node).publish(facts);
}

std::vector<economy::Quote> MembershipBoard::look(uint32_t viewer, size_t most, double) {
  std::vector<economy::Quote> quotes;
  for (const membership::BoardEntry& entry : net_.member(viewer).freshest(most)) {
    if (entry.memory_total == 0) continue;  // its description is still to come
    economy::Quote quote;
    quote.machine.id = entry.uid;
    quote.machine.cpus = entry.cpus;
    quote.machine.speed = entry.speed / 1000.0;
    quote.machine.load = entry.load;
    quote.machine.memory_total = static_cast<double>(entry.memory_total);
    quote.machine.memory_free = static_cast<double>(entry.memory_free);
    quote.machine.round_trip = economy::Time{workload_.round_trip};
    quote.age = economy::Time{static_cast<double>(entry.age.count()) / 1e6};
    ++looks_;
    age_sum_ += quote.age.count();
    oldest_ = std::max(oldest_, quote.age.count());
    quotes.push_back(quote);
  }
  return quotes;
}

uint32_t MembershipBoard::index(economy::NodeId id) const {
  return by_uid_.at(id);
}

size_t MembershipBoard::alive(uint32_t viewer) const {
  return net_.up(viewer) ? net_.member(viewer).alive() : 1;
}

void MembershipBoard::set_up(uint32_t node, bool up) {
  if (up && !net_.up(node)) {
    net_.start(node, static_cast<uint16_t>(node + 1));
    by_uid_[net_.uid(node)] = node;
  } else if (!up && net_.up(node)) {
    net_.kill(node);
  }
}

AgedBoard::AgedBoard(const Workload& workload, uint64_t seed)
    : nodes_(workload.nodes.size()), alive_(workload.nodes.size()), random_(seed) {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    economy::Machine& m = nodes_[i].machine;
    m.id = i + 1;
    m.cpus = workload.nodes[i].cpus;
    m.speed = workload.nodes[i].speed;
    m.memory_total = m.memory_free = workload.nodes[i].memory;
    m.round_trip = economy::Time{workload.round_trip};
    nodes_[i].past[0] = {-1e6, 0, m.memory_free};
  }
}

void AgedBoard::publish(uint32_t node, const economy::Machine& machine, double now) {
  Node& n = nodes_[node];
  n.last = (n.last + 1) % kHistory;
  n.past[n.last] = {now, machine.load, machine.memory_free};
}

std::vector<economy::Quote> AgedBoard::look(uint32_t viewer, size_t most, double now) {
  std::vector<economy::Quote> quotes;
  const size_t n = nodes_.size();
  if (n < 2) return quotes;
  const size_t wanted = std::min(most, n - 1);
  std::vector<uint32_t> chosen;
  if (wanted == n - 1) {
    for (uint32_t i = 0; i < n; ++i) {
      if (i != viewer) chosen.push_back(i);
    }
  } else {
    for (size_t tries = 0; chosen.size() < wanted && tries < 4 * wanted; ++tries) {
      const uint32_t i = random_.below(static_cast<uint32_t>(n));
      if (i != viewer && std::ranges::find(chosen, i) == chosen.end()) chosen.push_back(i);
    }
  }
  const double nn = static_cast<double>(n);
  for (const uint32_t i : chosen) {
    const Node& node = nodes_[i];
    if (!node.up && now - node.down_at > kDetection) continue;
    const double q = std::min(0.9999, (random_.uniform() * static_cast<double>(wanted) + 0.5) / nn);
    const double age = kPeriod * std::max(0.0, std::log(q * (nn - 1) / (1 - q)));
    const double seen_at = now - age - kPeriod * random_.uniform();
    size_t at = node.last;
    for (size_t back = 0; back + 1 < kHistory && node.past[at].at > seen_at; ++back) {
      at = (at + kHistory - 1) % kHistory;
    }
    economy::Quote quote{node.machine, economy::Time{now - seen_at}};
    quote.machine.load = node.past[at].load;
    quote.machine.memory_free =
        node.past[at].at < -1e8 ? node.machine.memory_total : node.past[at].memory_free;
    quotes.push_back(quote);
  }
  return quotes;
}

void AgedBoard::set_up(uint32_t node, bool up) {
  Node& n = nodes_[node];
  if (n.up == up) return;
  n.up = up;
  alive_ = up ? alive_ + 1 : alive_ - 1;
}

}  // namespace starling::sim
