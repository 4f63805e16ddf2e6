// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/economy/reservation.h"

#include <algorithm>

namespace starling::economy {

// A little more than a second: not all moves take equally long.
static constexpr Time kSecond{1.1};

void ReservationDesk::expire(Time now) {
  std::erase_if(held_, [&](const Held& held) {
    return now - held.since >= (held.here ? settings_.settle : settings_.keep);
  });
}

double ReservationDesk::share(const Held& held, Time now) const {
  if (!held.here) return 1;
  return std::clamp(1 - (now - held.since) / settings_.settle, 0.0, 1.0);
}

double ReservationDesk::load(Time now) {
  expire(now);
  double sum = 0;
  for (const Held& held : held_) sum += held.threads * share(held, now);
  return sum;
}

double ReservationDesk::memory(Time now) {
  expire(now);
  double sum = 0;
  for (const Held& held : held_) sum += held.memory * share(held, now);
  return sum;
}

Machine ReservationDesk::with_promises(Machine self, Time now) {
  self.load += load(now);
  self.memory_free = std::max(0.0, self.memory_free - memory(now));
  return self;
}

Answer ReservationDesk::ask(const Request& request, const Machine& self, Time now,
                            const economy::Settings& model) {
  Answer answer;
  Machine machine = with_promises(self, now);
  machine.round_trip = request.round_trip;
  answer.load = machine.load;
  answer.memory_free = machine.memory_free;
  answer.cost = marginal_cost(request.process, machine,
                              {.at_home = request.at_home, .arrives = true, .drags = request.drags},
                              request.scale, model);
  if (!answer.cost.possible()) {
    answer.retry =
        answer.cost.obstacle == Obstacle::kMemory ? settings_.retry : settings_.retry_blocked;
  } else if (!(answer.cost.total() <= request.bid)) {
    answer.too_dear = true;
    answer.retry = settings_.retry;
  } else if (held_.size() >= settings_.most || hurried(machine, now)) {
    answer.full = true;
    answer.retry = settings_.retry / 2;
  } else {
    granted_.push_back(now);
    answer.ticket = ++last_ticket_;
    held_.push_back({answer.ticket, std::max(request.process.threads, 0.0),
                     std::max(request.process.memory, 0.0), now, false});
    answer.load += held_.back().threads;
    answer.memory_free = std::max(0.0, answer.memory_free - held_.back().memory);
  }
  return answer;
}

// What comes all at once was decided from boards that did not know of the others.
bool ReservationDesk::hurried(const Machine& machine, Time now) {
  std::erase_if(granted_, [&](Time at) { return now - at >= kSecond; });
  const double idle = machine.cpus - machine.load;
  return granted_.size() >= settings_.most_a_second && idle < 1;
}

bool ReservationDesk::arrived(std::uint64_t ticket, Time now) {
  expire(now);
  const auto it = std::ranges::find(held_, ticket, &Held::ticket);
  if (it == held_.end() || it->here) return false;
  it->here = true;
  it->since = now;
  return true;
}

void ReservationDesk::cancel(std::uint64_t ticket) {
  std::erase_if(held_, [&](const Held& held) { return held.ticket == ticket && !held.here; });
}

}  // namespace starling::economy
