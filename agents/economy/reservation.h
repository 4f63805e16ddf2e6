// SPDX-License-Identifier: GPL-2.0-or-later
// The target's side of a move: it has the last word, with its own figures of this moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "agents/economy/model.h"

namespace starling::economy {

// What the asker sends. Its bid is the most the place may cost before the move is not worth it.
struct Request {
  NodeId from = 0;
  Process process;
  Time round_trip{0};    // between the process's home and the target
  bool at_home = false;  // the target is its home
  bool drags = true;     // false: it has not begun yet
  Scale scale;
  double bid = 0;
};

struct Answer {
  std::uint64_t ticket = 0;  // 0: refused
  Cost cost;                 // there and now, others' reservations included
  Time retry{0};             // if refused: not to be asked again for so long
  // The target's state of this moment, reservations included: fresher than any board.
  double load = 0;
  double memory_free = 0;
  bool too_dear = false;  // refused although possible: it costs more than was bid
  bool full = false;      // refused: as many reservations as there may be, or in so short a time
};

// Reservations of one node. Whoever is granted counts at once as load and memory, so that two
// nodes that saw the same idle machine do not both get it; and goes on counting after arriving
// until the measured load must have noticed it.
class ReservationDesk {
 public:
  struct Settings {
    std::size_t most = 64;          // granted and not yet arrived or settled
    std::size_t most_a_second = 3;  // beyond that only as many as processors are idle
    Time keep{10};                  // a ticket that is not used lapses
    Time settle{3};                 // how long the measured load takes to show an arrival
    Time retry{2};
    Time retry_blocked{15};
  };

  ReservationDesk() : ReservationDesk(Settings{}) {}
  explicit ReservationDesk(const Settings& settings) : settings_(settings) {}

  // `self`: as measured, without reservations.
  Answer ask(const Request& request, const Machine& self, Time now, const economy::Settings& model);
  // The process is here. False: the ticket lapsed or never was; ask again.
  bool arrived(std::uint64_t ticket, Time now);
  void cancel(std::uint64_t ticket);

  // What is promised and not yet measured. Fades while an arrival settles.
  double load(Time now);
  double memory(Time now);
  std::size_t pending() const { return held_.size(); }
  // The machine as others should see it.
  Machine with_promises(Machine self, Time now);

 private:
  struct Held {
    std::uint64_t ticket;
    double threads;
    double memory;
    Time since;
    bool here;
  };
  void expire(Time now);
  bool hurried(const Machine& machine, Time now);
  double share(const Held& held, Time now) const;

  Settings settings_;
  std::vector<Held> held_;
  std::vector<Time> granted_;  // within the last second
  std::uint64_t last_ticket_ = 0;
};

}  // namespace starling::economy
