// SPDX-License-Identifier: GPL-2.0-or-later
// What one node believes of the others: its bulletin board, which is always of the past, and what
// it has learnt since.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "agents/economy/doubling_max.h"
#include "agents/economy/model.h"
#include "agents/economy/reservation.h"

namespace starling::economy {

// A line of the bulletin board.
struct Quote {
  Machine machine;
  Time age{0};  // of its load and memory
};

// Keeps, bounded: own moves a quote cannot know of yet, refusals, and the flock's top load.
class Market {
 public:
  struct Settings {
    std::size_t most_quotes = 32;  // of one look at the board; more are not looked at
    std::size_t most_notes = 256;  // nodes something special is known of
    Time stale{30};                // after which a load is believed to be the mean by 63 %
    Time settle{3};                // how long a measured load takes to show an arrival
  };

  Market() : Market(Settings{}) {}
  explicit Market(const Settings& settings) : settings_(settings) {}

  // A new look at the board: the freshest lines of living nodes, without this one. `nodes` counts
  // all living nodes of the flock, this one too.
  void look(std::span<const Quote> board, std::size_t nodes, const Machine& self, Time now);

  // What is believed now; valid until the next call of look().
  std::span<const Machine> machines() const { return machines_; }
  const Machine* find(NodeId id) const;
  // Whether the node said not to ask again yet.
  bool shunned(NodeId id, Time now) const;
  Scale scale() const { return scale_; }
  NodeId self() const { return self_; }

  // This node sends a process there (or takes it away: negative threads and memory). Of itself it
  // need not be told.
  void moved(NodeId id, double threads, double memory, Time now);
  // The node told what it is like; if it refused, it is not to be asked again for a while.
  void answered(NodeId id, const Answer& answer, Time now);

 private:
  struct Correction {
    double threads;
    double memory;
    Time at;
  };
  struct Note {
    std::vector<Correction> corrections;
    Time shun{0};
    Time heard{0};
    bool exact = false;  // `load` and `memory_free` as an answer told them at `told`
    Time told{0};
    double load = 0;
    double memory_free = 0;
  };
  Note& note(NodeId id, Time now);
  void forget(Time now);

  Settings settings_;
  DoublingMax top_;
  Scale scale_;
  NodeId self_ = 0;
  std::vector<Machine> machines_;
  std::unordered_map<NodeId, Note> notes_;
};

}  // namespace starling::economy
