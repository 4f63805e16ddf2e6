// SPDX-License-Identifier: GPL-2.0-or-later
// What a node sees of the others: through the real membership code, or through the ages that it
// would give the entries.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "agents/economy/market.h"
#include "tests/sim/economy_world.h"

namespace starling::sim {

class Board {
 public:
  virtual ~Board() = default;
  // Before anything happens at `now`.
  virtual void advance(double) {}
  virtual void publish(uint32_t node, const economy::Machine& machine, double now) = 0;
  // The freshest entries of others, at most `most`.
  virtual std::vector<economy::Quote> look(uint32_t viewer, size_t most, double now) = 0;
  virtual economy::NodeId id(uint32_t node) const = 0;
  virtual uint32_t index(economy::NodeId id) const = 0;
  virtual size_t alive(uint32_t viewer) const = 0;
  virtual void set_up(uint32_t node, bool up) = 0;
};

// The unchanged agents/membership on the simulated network.
class MembershipBoard final : public Board {
 public:
  MembershipBoard(const Workload& workload, double loss, uint64_t seed);
  void advance(double now) override;
  void publish(uint32_t node, const economy::Machine& machine, double now) override;
  std::vector<economy::Quote> look(uint32_t viewer, size_t most, double now) override;
  economy::NodeId id(uint32_t node) const override { return net_.uid(node); }
  uint32_t index(economy::NodeId id) const override;
  size_t alive(uint32_t viewer) const override;
  void set_up(uint32_t node, bool up) override;
  // Ages seen in all looks so far, mean and largest, in seconds.
  double mean_age() const { return looks_ > 0 ? age_sum_ / static_cast<double>(looks_) : 0; }
  double oldest() const { return oldest_; }

 private:
  const Workload& workload_;
  mutable Network net_;
  Time begun_{};
  std::unordered_map<economy::NodeId, uint32_t> by_uid_;
  uint64_t looks_ = 0;
  double age_sum_ = 0;
  double oldest_ = 0;
};

// Entries as old as docs/MEMBERSHIP.md derives for a board fed by the w freshest of every
// datagram (agents/membership/age_model.h): of the k freshest of n entries, one has a share q of
// k/n of them before it, where X(age) = q. A dead node's entry stays for the time detection takes.
class AgedBoard final : public Board {
 public:
  AgedBoard(const Workload& workload, uint64_t seed);
  void publish(uint32_t node, const economy::Machine& machine, double now) override;
  std::vector<economy::Quote> look(uint32_t viewer, size_t most, double now) override;
  economy::NodeId id(uint32_t node) const override { return node + 1; }
  uint32_t index(economy::NodeId id) const override { return static_cast<uint32_t>(id - 1); }
  size_t alive(uint32_t) const override { return alive_; }
  void set_up(uint32_t node, bool up) override;

 private:
  static constexpr size_t kHistory = 32;
  struct Entry {
    double at = -1e9;
    double load = 0;
    double memory_free = 0;
  };
  struct Node {
    economy::Machine machine;
    Entry past[kHistory];
    size_t last = 0;
    bool up = true;
    double down_at = 0;
  };
  std::vector<Node> nodes_;
  size_t alive_;
  Random random_;
};

}  // namespace starling::sim
