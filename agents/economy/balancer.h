// SPDX-License-Identifier: GPL-2.0-or-later
// The home's side: which of a node's processes should run where. Looks at a bounded number of
// processes and of other nodes, so that a look costs the same in a flock of any size.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "agents/economy/journal.h"
#include "agents/economy/market.h"
#include "agents/economy/memory_watch.h"
#include "agents/economy/model.h"
#include "agents/economy/reservation.h"
#include "agents/economy/residency.h"

namespace starling::economy {

// A process whose home this node is, wherever it runs.
struct Candidate {
  Process process;
  NodeId at = 0;            // where it runs now
  bool can_move = true;     // the engine knows of nothing against it
  bool stay = false;        // its owner said so
  bool must_leave = false;  // its host's memory is getting short and it chose this one
  std::string why_not;      // of can_move
};

struct Proposal {
  Request request;  // to be sent to `to`; none is needed to come home
  NodeId to = 0;
  NodeId from = 0;
  bool home = false;
  Cause cause = Cause::kBalance;
  Decision decision;  // as it went into the journal, for finished()
};

struct Wishes {
  bool stay = false;   // no process leaves this node by itself
  bool quiet = false;  // nothing is decided at all, not even about memory
};

struct BalancerSettings {
  std::size_t most_processes = 16;  // looked at in one look
  std::size_t most_proposals = 8;   // of one look
  std::size_t most_known = 4096;    // processes whose residency is remembered
  Time quiet_journal{30};           // "stayed" is noted once in this time and process
  Time settle{1};                   // of the measured load: what it shows lags by about this
};

class Balancer {
 public:
  using Settings = BalancerSettings;

  // Uniform in [0, 1).
  using Random = std::function<double()>;

  Balancer(Random random, const economy::Settings& model = {}, const Settings& settings = {},
           const ResidencySettings& residency = {})
      : random_(std::move(random)), model_(model), settings_(settings), residency_(residency) {}

  // `self` as measured, with ReservationDesk::with_promises(): all that runs here is in it.
  // `processes`: any order and number; the busiest at home are looked at first, then the rest in
  // turn. Call market().look() first, with the board of this moment. `relief`: bytes that guests
  // sent home at this moment will free.
  std::vector<Proposal> look(const Machine& self, std::span<const Candidate> processes,
                             const Wishes& wishes, Time now, double relief = 0);

  // What became of a proposal. `answer`: of the target, null if it came home or gave none.
  void answered(const Proposal& proposal, const Answer* answer, Time now);
  void finished(const Proposal& proposal, bool moved, Time now);
  // A process is gone.
  void ended(ProcessId process);
  // Its host sent it home: it may leave again at once.
  void expelled(ProcessId process, Time now);
  // Somebody moved it: it stays there as long as any process has to.
  void moved_by_hand(ProcessId process, Time now);

  // Where a process should begin; self.id when at home. `self` without the process.
  NodeId place(const Process& process, const Machine& self, const Wishes& wishes, Time now,
               Proposal& proposal);

  Market& market() { return market_; }
  MemoryWatch& memory_watch() { return memory_; }
  Journal& journal() { return journal_; }
  const Journal& journal() const { return journal_; }
  // Of one process; 0 if it never moved.
  std::uint32_t moves(ProcessId process) const;
  // Marginal costs computed since the start: what a look costs, independent of the machine.
  std::uint64_t evaluations() const { return evaluations_; }

 private:
  struct Known {
    Residency residency;
    bool under_way = false;
    Time noted{-1e9};
    Time heard{0};
  };
  struct Option;
  struct Departure {
    double threads;
    Time at;
  };
  Known& known(ProcessId process, Time now);
  std::vector<const Candidate*> choose(const Machine& self, std::span<const Candidate> processes);
  Option best_option(const Candidate& candidate, const Machine& self, bool memory_short, Time now);
  Cost staying(const Candidate& candidate, const Machine& self);
  Cost price(const Process& process, const Machine& machine, Route route);
  Proposal propose(const Candidate& candidate, const Option& option, Cause cause, Time now);
  void note_stay(const Candidate& candidate, const Option& option, const Wishes& wishes, Time now);

  Random random_;
  economy::Settings model_;
  Settings settings_;
  ResidencySettings residency_;
  Market market_;
  MemoryWatch memory_;
  Journal journal_;
  std::unordered_map<ProcessId, Known> known_;
  std::vector<Departure> departures_;  // that the measured load still counts in part
  std::size_t turn_ = 0;
  std::uint64_t evaluations_ = 0;
};

}  // namespace starling::economy
