// SPDX-License-Identifier: GPL-2.0-or-later
// Who decides where jobs run: ours, and what it is compared with.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agents/economy/balancer.h"
#include "tests/sim/boards.h"

namespace starling::sim {

struct PolicyOptions {
  bool place = true;  // ours: initial placement
  bool move = true;   // ours: later moves
  economy::BalancerSettings balancer;
  economy::ResidencySettings residency;
  // Without the handshake at the target; to show what it is good for.
  bool reserve = true;
};

// What was counted while ours decided.
struct EconomyCounts {
  uint64_t asked = 0, granted = 0, refused = 0;
  uint64_t evaluations = 0;
  uint64_t looks = 0;
  double cpu_seconds = 0;  // of this machine, spent in looking and deciding
};

// The unchanged agents/economy at each node.
class Economy final : public Policy {
 public:
  Economy(Board& board, const PolicyOptions& options);
  ~Economy() override;
  const char* name() const override { return "starling"; }
  void begin(World& world) override;
  uint32_t place(World& world, uint32_t job) override;
  void tick(World& world, uint32_t node) override;
  void landed(World& world, uint32_t job) override;
  void ended(World& world, uint32_t job) override;
  void changed(World& world, const Churn& event) override;

  const EconomyCounts& counts() const { return counts_; }
  economy::Balancer& balancer(uint32_t node);

 private:
  struct Node;
  struct Travel {
    economy::Proposal proposal;
    uint64_t ticket = 0;
    bool under_way = false;
  };
  void publish(World& world, uint32_t node);
  economy::Machine self(World& world, uint32_t node);
  economy::Process describe(const World& world, uint32_t job) const;
  void look(World& world, uint32_t node);
  void ask(World& world, uint32_t job, const economy::Proposal& proposal);
  void expel(World& world, uint32_t node, const std::vector<uint32_t>& jobs);

  Board& board_;
  PolicyOptions options_;
  EconomyCounts counts_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Travel> travels_;               // by job
  std::vector<std::vector<uint32_t>> homed_;  // by node: jobs whose home it is
};

// none, round-robin, random, two-choices, mosix, e-pvm; nullptr for another name.
std::unique_ptr<Policy> make_baseline(const std::string& name, Board& board);
const std::vector<std::string>& policy_names();  // ours first

}  // namespace starling::sim
