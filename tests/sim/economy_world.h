// SPDX-License-Identifier: GPL-2.0-or-later
// Machines that share their processors among jobs, in virtual time; jobs that are moved between
// them. Knows nothing of why: that is a Policy.
//
// The machine: runnable threads get equal shares of the processors; when the memory is
// overcommitted everything runs ten times slower (the model of the paper's authors). A moved job
// stands still for the freeze, runs at half speed while its memory comes after it, and holds memory
// at both ends until then. Its forwarded calls wait for a round trip each.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "agents/economy/model.h"
#include "tests/sim/network.h"

namespace starling::sim {

struct NodeSpec {
  double cpus = 1;
  double speed = 1;
  double memory = 1e9;  // bytes
};

struct JobSpec {
  double arrival = 0;  // s
  uint32_t home = 0;
  double work = 1;  // seconds of each thread on a standard processor
  double threads = 1;
  double memory = 10e6;       // bytes at the start
  double growth = 0;          // bytes per second of running
  double memory_most = 1e18;  // growth ends there
  double calls = 0;           // per second of processor time; forwarded when it is away
  double wait = 0;            // seconds it waits for devices per second of processor time
  int64_t after = -1;         // job that has to be over first
};

struct Churn {
  double at;
  uint32_t node;
  enum class What { kLeave, kCrash, kReturn, kOwnerComes, kOwnerGoes } what;
};

struct Workload {
  std::string name;
  std::vector<NodeSpec> nodes;
  std::vector<JobSpec> jobs;   // by arrival
  std::vector<Churn> churn;    // by time
  economy::Settings model;     // bandwidth, freeze: also what moves really cost
  double round_trip = 200e-6;  // s
  double limit = 1e5;          // s; the run ends then at the latest
};

enum class JobState : uint8_t { kWaiting, kRunning, kFrozen, kDone };

struct Job {
  JobSpec spec;
  JobState state = JobState::kWaiting;
  uint32_t node = 0;
  double left = 0;  // work
  double memory = 0;
  double cpu_used = 0;
  double demand = 0;  // threads that run or want to
  double rate = 0;    // work per second
  double began = -1;
  double ended = -1;
  int64_t dragging_from = -1;
  uint32_t moves = 0;
  uint32_t placed_elsewhere = 0;
  uint32_t early_moves = 0;  // moved for balance though it had moved less than 3 s before
  double last_move = -1e9;
  uint32_t restarts = 0;
  bool must_leave = false;  // its host asked its home to take it away
};

struct SimNode {
  NodeSpec spec;
  bool up = true;
  bool owner = false;
  std::vector<uint32_t> jobs;
  double held = 0;  // bytes of jobs that left and are still dragged from here
  double runnable = 0;
  double meter = 0;  // what a load meter with a time constant of 1 s shows
  double updated = 0;
  double used = 0;  // bytes
  double swapped_at = -1;
  uint32_t outgoing = 0;  // drags under way
  uint64_t version = 0;
  std::vector<double> arrivals;  // times at which jobs came from elsewhere
};

class World;

class Policy {
 public:
  virtual ~Policy() = default;
  virtual const char* name() const = 0;
  virtual void begin(World&) {}
  // The node on which a new job starts.
  virtual uint32_t place(World&, uint32_t job) = 0;
  // Once a second at each living node.
  virtual void tick(World&, uint32_t) {}
  virtual void landed(World&, uint32_t) {}
  virtual void ended(World&, uint32_t) {}
  // The node went or came; its guests are still there when it leaves or its owner comes.
  virtual void changed(World&, const Churn&) {}
};

class World {
 public:
  static constexpr double kMeter = 1;  // s, time constant of the load meters
  static constexpr double kTick = 1;   // s

  World(const Workload& workload, Policy& policy, uint64_t seed);

  // Until all jobs are over, or `until`.
  void run(double until = 1e18);
  // Something else lives in the same time: called before each event.
  std::function<void(double)> advance;

  double now() const { return now_; }
  const Workload& workload() const { return workload_; }
  Random& random() { return random_; }
  std::vector<Job>& jobs() { return jobs_; }
  const std::vector<Job>& jobs() const { return jobs_; }
  std::vector<SimNode>& nodes() { return nodes_; }
  size_t unfinished() const { return unfinished_; }
  uint64_t ticks() const { return ticks_; }

  void at(double when, std::function<void()> what);
  // Begins to move a running job. False if it is not running.
  bool move(uint32_t job, uint32_t to, bool for_balance = true);
  // Brings the node's state up to this moment.
  void settle(uint32_t node);
  // As the node itself measures: meter, free memory.
  economy::Machine measure(uint32_t node);

 private:
  enum class What : uint8_t { kCall, kArrival, kFinish, kTick, kChurn };
  struct Item {
    double at;
    uint64_t order;
    What what;
    uint32_t index;
    uint64_t version;
    bool operator<(const Item& o) const { return at != o.at ? at > o.at : order > o.order; }
  };
  void push(double at, What what, uint32_t index, uint64_t version = 0);
  void recompute(uint32_t node);
  void start(uint32_t job, uint32_t node);
  void finish_due(uint32_t node);
  void remove(uint32_t job);
  void churn(const Churn& event);
  void arrive(uint32_t job);

  const Workload workload_;
  Policy& policy_;
  Random random_;
  double now_ = 0;
  uint64_t order_ = 0;
  uint64_t ticks_ = 0;
  size_t unfinished_;
  std::vector<Job> jobs_;
  std::vector<SimNode> nodes_;
  std::vector<std::vector<uint32_t>> waiting_;  // by the job they wait for
  std::priority_queue<Item> queue_;
  std::vector<std::function<void()>> calls_;
  std::vector<uint32_t> free_calls_;
};

}  // namespace starling::sim
