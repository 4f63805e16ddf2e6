// SPDX-License-Identifier: GPL-2.0-or-later
// What ours is compared with. All of them move jobs at the same price as ours does.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/sim/policies.h"

namespace starling::sim {

namespace {

class Baseline : public Policy {
 public:
  explicit Baseline(Board& board) : board_(board) {}
  void begin(World& world) override {
    for (uint32_t i = 0; i < world.nodes().size(); ++i) publish(world, i);
  }
  void tick(World& world, uint32_t node) override { publish(world, node); }
  void changed(World& world, const Churn& event) override {
    // Owners are respected by all of them, or nothing could be compared.
    if (event.what == Churn::What::kOwnerComes) {
      const std::vector<uint32_t> jobs = world.nodes()[event.node].jobs;
      for (const uint32_t id : jobs) {
        const uint32_t home = world.jobs()[id].spec.home;
        if (home != event.node) world.move(id, home, false);
      }
    }
    if (event.what == Churn::What::kLeave || event.what == Churn::What::kCrash) {
      board_.set_up(event.node, false);
    } else if (event.what == Churn::What::kReturn) {
      board_.set_up(event.node, true);
    }
  }

 protected:
  void publish(World& world, uint32_t node) {
    economy::Machine m = world.measure(node);
    m.id = board_.id(node);
    board_.publish(node, m, world.now());
  }
  static bool open(World& world, uint32_t node, uint32_t home) {
    return world.nodes()[node].up && (node == home || !world.nodes()[node].owner);
  }
  static double capacity(const economy::Machine& m) { return m.cpus * m.speed; }

  Board& board_;
};

class None final : public Baseline {
 public:
  using Baseline::Baseline;
  const char* name() const override { return "none"; }
  uint32_t place(World& world, uint32_t job) override { return world.jobs()[job].spec.home; }
};

// PVM's: the next machine in turn.
class RoundRobin final : public Baseline {
 public:
  using Baseline::Baseline;
  const char* name() const override { return "round-robin"; }
  uint32_t place(World& world, uint32_t job) override {
    const auto n = static_cast<uint32_t>(world.nodes().size());
    for (uint32_t i = 0; i < n; ++i) {
      const uint32_t node = turn_++ % n;
      if (open(world, node, world.jobs()[job].spec.home)) return node;
    }
    return world.jobs()[job].spec.home;
  }

 private:
  uint32_t turn_ = 0;
};

class AnyNode final : public Baseline {
 public:
  using Baseline::Baseline;
  const char* name() const override { return "random"; }
  uint32_t place(World& world, uint32_t job) override {
    const uint32_t node = world.random().below(static_cast<uint32_t>(world.nodes().size()));
    return open(world, node, world.jobs()[job].spec.home) ? node : world.jobs()[job].spec.home;
  }
};

// M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001,
// with the loads the board tells.
class TwoChoices final : public Baseline {
 public:
  using Baseline::Baseline;
  const char* name() const override { return "two-choices"; }
  uint32_t place(World& world, uint32_t job) override {
    const uint32_t home = world.jobs()[job].spec.home;
    std::vector<economy::Quote> quotes = board_.look(home, 32, world.now());
    if (quotes.empty()) return home;
    economy::Quote self{world.measure(home), economy::Time{0}};
    self.machine.id = board_.id(home);
    quotes.push_back(self);
    const auto n = static_cast<uint32_t>(quotes.size());
    const economy::Machine* best = &quotes[world.random().below(n)].machine;
    const economy::Machine* other = &quotes[world.random().below(n)].machine;
    if ((other->load + 1) / capacity(*other) < (best->load + 1) / capacity(*best)) best = other;
    const uint32_t node = board_.index(best->id);
    return open(world, node, home) ? node : home;
  }
};

// The paper's E-PVM: the assignment of the opportunity cost with everything known at once and
// centrally, never changed afterwards. (That the central scheduler knows the loads of this instant
// is in its favour.)
class EnhancedPvm final : public Baseline {
 public:
  using Baseline::Baseline;
  const char* name() const override { return "e-pvm"; }
  uint32_t place(World& world, uint32_t job) override {
    const double n = static_cast<double>(world.nodes().size());
    const uint32_t home = world.jobs()[job].spec.home;
    double least = std::numeric_limits<double>::infinity();
    uint32_t chosen = home;
    for (uint32_t i = 0; i < world.nodes().size(); ++i) {
      const SimNode& node = world.nodes()[i];
      if (!open(world, i, home)) continue;
      world.settle(i);
      // The paper's load: jobs per speed; its maximum by doubling, never forgotten.
      const double load = static_cast<double>(node.jobs.size());
      const double before = load / (node.spec.cpus * node.spec.speed);
      const double after = (load + 1) / (node.spec.cpus * node.spec.speed);
      while (top_ <= after) top_ *= 2;
      const double used = node.used / node.spec.memory;
      const double need = world.jobs()[job].spec.memory / node.spec.memory;
      const double cost = std::pow(n, after / top_) - std::pow(n, before / top_) +
                          std::pow(n, used + need) - std::pow(n, used);
      if (cost < least) {
        least = cost;
        chosen = i;
      }
    }
    return chosen;
  }

 private:
  double top_ = 1;
};

// Like MOSIX and openMosix: a job starts at home; each second a node that is more loaded than the
// least loaded of a few it heard of lately moves one job there, if what the job gains is more than
// a threshold; and when memory is nearly gone it moves the smallest job that suffices to the node
// with the best fit (memory ushering). No reservation, no marginal cost; a stay of three seconds.
// After A. Barak, O. La'adan, "The MOSIX multicomputer operating system for high performance
// cluster computing", FGCS 13, 1998: the rules in its text, the constants ours.
class MosixLike final : public Baseline {
 public:
  using Baseline::Baseline;
  const char* name() const override { return "mosix-like"; }
  uint32_t place(World& world, uint32_t job) override { return world.jobs()[job].spec.home; }
  void tick(World& world, uint32_t node) override {
    publish(world, node);
    const std::vector<economy::Quote> heard = board_.look(node, kHeard, world.now());
    const economy::Machine me = world.measure(node);
    if (me.memory_free < kMemoryReserve * me.memory_total && usher(world, node, me, heard)) return;
    const double own = me.load / capacity(me);
    int64_t job = -1;
    double oldest = -1;
    for (const uint32_t id : world.nodes()[node].jobs) {
      const Job& j = world.jobs()[id];
      if (j.state != JobState::kRunning || world.now() - std::max(j.last_move, j.began) < kStay) {
        continue;
      }
      if (j.cpu_used > oldest) {
        oldest = j.cpu_used;
        job = id;
      }
    }
    if (job < 0) return;
    const Job& j = world.jobs()[static_cast<size_t>(job)];
    const economy::Machine* best = nullptr;
    double least = own;
    for (const economy::Quote& q : heard) {
      const economy::Machine& m = q.machine;
      if (m.memory_free < j.memory || !open(world, board_.index(m.id), j.spec.home)) continue;
      const double there = (m.load + 1) / capacity(m);
      if (there * kThreshold < least) {
        least = there * kThreshold;
        best = &m;
      }
    }
    if (best != nullptr) world.move(static_cast<uint32_t>(job), board_.index(best->id));
  }

 private:
  static constexpr double kStay = 3;  // s, as long as ours at first
  static constexpr size_t kHeard = 8;
  static constexpr double kThreshold = 1.15;
  static constexpr double kMemoryReserve = 0.05;

  bool usher(World& world, uint32_t node, const economy::Machine& me,
             const std::vector<economy::Quote>& heard) {
    const double missing = kMemoryReserve * me.memory_total - me.memory_free;
    int64_t chosen = -1;
    for (const uint32_t id : world.nodes()[node].jobs) {
      const Job& j = world.jobs()[id];
      if (j.state != JobState::kRunning) continue;
      const double best = chosen < 0 ? 0 : world.jobs()[static_cast<size_t>(chosen)].memory;
      const bool enough = j.memory >= missing;
      if (chosen < 0 || (best >= missing ? enough && j.memory < best : j.memory > best)) {
        chosen = id;
      }
    }
    if (chosen < 0) return false;
    const Job& j = world.jobs()[static_cast<size_t>(chosen)];
    const economy::Machine* fit = nullptr;
    for (const economy::Quote& q : heard) {
      const economy::Machine& m = q.machine;
      if (m.memory_free < j.memory || !open(world, board_.index(m.id), j.spec.home)) continue;
      if (fit == nullptr || m.memory_free < fit->memory_free) fit = &m;
    }
    return fit != nullptr &&
           world.move(static_cast<uint32_t>(chosen), board_.index(fit->id), false);
  }
};

}  // namespace

const std::vector<std::string>& policy_names() {
  static const std::vector<std::string> names = {
      "starling", "none", "round-robin", "random", "two-choices", "mosix-like", "e-pvm"};
  return names;
}

std::unique_ptr<Policy> make_baseline(const std::string& name, Board& board) {
  if (name == "none") return std::make_unique<None>(board);
  if (name == "round-robin") return std::make_unique<RoundRobin>(board);
  if (name == "random") return std::make_unique<AnyNode>(board);
  if (name == "two-choices") return std::make_unique<TwoChoices>(board);
  if (name == "mosix-like") return std::make_unique<MosixLike>(board);
  if (name == "e-pvm") return std::make_unique<EnhancedPvm>(board);
  return nullptr;
}

}  // namespace starling::sim
