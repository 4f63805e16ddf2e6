// SPDX-License-Identifier: GPL-2.0-or-later
// agents/economy at every node of the simulated flock, joined as the daemon joins it: measure,
// publish, look at the board, ask for a reservation, move.
#include <algorithm>
#include <ctime>

#include "agents/economy/host.h"
#include "tests/sim/policies.h"

namespace starling::sim {

using economy::Answer;
using economy::Cause;
using economy::Proposal;

namespace {
constexpr size_t kQuotes = 32;
constexpr double kSilence = 1;  // s after which an asked node that is gone is given up

economy::Time time_of(const World& world) {
  return economy::Time{world.now()};
}
}  // namespace

struct Economy::Node {
  Node(uint64_t seed, const economy::Settings& model, const PolicyOptions& options)
      : random(seed),
        balancer([this] { return random.uniform(); }, model, options.balancer, options.residency),
        desk(options.reserve
                 ? economy::ReservationDesk::Settings{}
                 : economy::ReservationDesk::Settings{.most = 100000, .most_a_second = 100000}) {}
  Random random;
  economy::Balancer balancer;
  economy::ReservationDesk desk;
};

Economy::Economy(Board& board, const PolicyOptions& options) : board_(board), options_(options) {}
Economy::~Economy() = default;

economy::Balancer& Economy::balancer(uint32_t node) {
  return nodes_[node]->balancer;
}

void Economy::begin(World& world) {
  for (uint32_t i = 0; i < world.nodes().size(); ++i) {
    nodes_.push_back(
        std::make_unique<Node>(world.random().next(), world.workload().model, options_));
  }
  travels_.resize(world.jobs().size());
  homed_.resize(world.nodes().size());
  for (uint32_t i = 0; i < world.nodes().size(); ++i) publish(world, i);
}

economy::Machine Economy::self(World& world, uint32_t node) {
  economy::Machine machine = world.measure(node);
  machine.id = board_.id(node);
  return nodes_[node]->desk.with_promises(machine, time_of(world));
}

void Economy::publish(World& world, uint32_t node) {
  board_.publish(node, self(world, node), world.now());
}

economy::Process Economy::describe(const World& world, uint32_t id) const {
  const Job& job = world.jobs()[id];
  economy::Process p;
  p.id = id;
  p.threads = job.state == JobState::kRunning ? job.demand : job.spec.threads;
  p.memory = job.state == JobState::kWaiting ? job.spec.memory : job.memory;
  p.memory_growth = p.memory < job.spec.memory_most ? job.spec.growth : 0;
  p.calls = job.spec.calls;
  p.cpu_used = job.cpu_used;
  return p;
}

uint32_t Economy::place(World& world, uint32_t id) {
  const Job& job = world.jobs()[id];
  const uint32_t home = job.spec.home;
  homed_[home].push_back(id);
  if (!options_.place) return home;
  Node& node = *nodes_[home];
  for (int attempt = 0; attempt < 2; ++attempt) {
    look(world, home);
    const economy::Process process = describe(world, id);
    Proposal proposal;
    const economy::NodeId to =
        node.balancer.place(process, self(world, home), {}, time_of(world), proposal);
    if (to == board_.id(home)) return home;
    const uint32_t target = board_.index(to);
    ++counts_.asked;
    if (!world.nodes()[target].up) {
      node.balancer.answered(proposal, nullptr, time_of(world));
      continue;
    }
    economy::ReservationDesk& desk = nodes_[target]->desk;
    economy::Machine there = world.measure(target);
    there.id = to;
    there.memory_trend = nodes_[target]->balancer.memory_watch().trend();
    if (!options_.reserve) proposal.request.bid = 1e300;
    const Answer answer = desk.ask(proposal.request, there, time_of(world), world.workload().model);
    node.balancer.answered(proposal, &answer, time_of(world));
    if (answer.ticket == 0) {
      ++counts_.refused;
      continue;
    }
    ++counts_.granted;
    node.balancer.finished(proposal, true, time_of(world));
    desk.arrived(answer.ticket, time_of(world));
    publish(world, target);
    return target;
  }
  return home;
}

void Economy::look(World& world, uint32_t index) {
  const std::vector<economy::Quote> quotes = board_.look(index, kQuotes, world.now());
  nodes_[index]->balancer.market().look(quotes, board_.alive(index), self(world, index),
                                        time_of(world));
}

void Economy::tick(World& world, uint32_t index) {
  publish(world, index);
  if (!options_.move) return;
  Node& node = *nodes_[index];
  std::vector<economy::Candidate> candidates;
  for (const uint32_t id : homed_[index]) {
    const Job& job = world.jobs()[id];
    if (job.state != JobState::kRunning) continue;
    world.settle(job.node);
    candidates.push_back({.process = describe(world, id),
                          .at = board_.id(job.node),
                          .must_leave = job.must_leave,
                          .why_not = {}});
    world.jobs()[id].must_leave = false;
  }
  std::vector<economy::Guest> guests;
  double largest = 0;
  for (const uint32_t id : world.nodes()[index].jobs) {
    const Job& job = world.jobs()[id];
    if (job.spec.home == index || job.state != JobState::kRunning) continue;
    guests.push_back({id, job.memory, job.spec.growth});
    largest = std::max(largest, job.memory);
  }
  const std::clock_t begin = std::clock();
  look(world, index);
  const economy::Machine me = self(world, index);
  double relief = 0;
  const double missing = node.balancer.memory_watch().shortfall(largest, world.workload().model);
  for (const economy::Expulsion& out : economy::guests_to_expel(me, guests, missing)) {
    const auto id = static_cast<uint32_t>(out.id);
    relief += world.jobs()[id].memory;
    if (out.cause == Cause::kOwner) {
      expel(world, index, {id});
    } else {
      world.jobs()[id].must_leave = true;
    }
  }
  const std::vector<Proposal> proposals =
      node.balancer.look(me, candidates, {}, time_of(world), relief);
  counts_.cpu_seconds += static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  ++counts_.looks;
  for (const Proposal& p : proposals) ask(world, static_cast<uint32_t>(p.request.process.id), p);
}

void Economy::ask(World& world, uint32_t id, const Proposal& proposal) {
  travels_[id] = {proposal, 0, true};
  const uint32_t home = world.jobs()[id].spec.home;
  const bool balance = proposal.cause == Cause::kBalance;
  const auto fail = [this, &world, id, home] {
    Travel& travel = travels_[id];
    travel.under_way = false;
    nodes_[home]->balancer.finished(travel.proposal, false, time_of(world));
  };
  if (proposal.home) {
    if (!world.move(id, home, balance)) fail();
    return;
  }
  ++counts_.asked;
  const uint32_t target = board_.index(proposal.to);
  const double half = world.workload().round_trip / 2;
  world.at(world.now() + half, [this, &world, id, home, target, half, balance, fail] {
    if (!world.nodes()[target].up) {
      world.at(world.now() + kSilence, [this, &world, id, home] {
        Travel& travel = travels_[id];
        if (!travel.under_way) return;
        travel.under_way = false;
        nodes_[home]->balancer.answered(travel.proposal, nullptr, time_of(world));
      });
      return;
    }
    economy::Machine there = world.measure(target);
    there.id = board_.id(target);
    // Its own trend is its own watch's affair: who has to leave cannot wait for it.
    economy::Request request = travels_[id].proposal.request;
    if (!options_.reserve) request.bid = 1e300;
    const Answer answer =
        nodes_[target]->desk.ask(request, there, time_of(world), world.workload().model);
    if (answer.ticket != 0) publish(world, target);
    world.at(world.now() + half, [this, &world, id, home, target, answer, balance, fail] {
      Travel& travel = travels_[id];
      if (!travel.under_way) {  // it ended meanwhile
        nodes_[target]->desk.cancel(answer.ticket);
        return;
      }
      nodes_[home]->balancer.answered(travel.proposal, &answer, time_of(world));
      ++(answer.ticket != 0 ? counts_.granted : counts_.refused);
      travel.ticket = answer.ticket;
      if (answer.ticket == 0) {
        travel.under_way = false;
      } else if (!world.move(id, target, balance)) {
        nodes_[target]->desk.cancel(answer.ticket);
        fail();
      }
    });
  });
}

void Economy::landed(World& world, uint32_t id) {
  Travel& travel = travels_[id];
  const Job& job = world.jobs()[id];
  economy::Balancer& home = nodes_[job.spec.home]->balancer;
  if (!travel.under_way) {
    home.expelled(id, time_of(world));
    // The owner is a new cause: what follows is not a second move for the first one's sake.
    world.jobs()[id].last_move = -1e9;
    return;
  }
  travel.under_way = false;
  const bool moved = board_.id(job.node) == travel.proposal.to;
  if (moved && travel.ticket != 0) {
    nodes_[job.node]->desk.arrived(travel.ticket, time_of(world));
  }
  home.finished(travel.proposal, moved, time_of(world));
  publish(world, job.node);
}

void Economy::ended(World& world, uint32_t id) {
  const uint32_t home = world.jobs()[id].spec.home;
  std::erase(homed_[home], id);
  nodes_[home]->balancer.ended(id);
  travels_[id].under_way = false;
}

void Economy::expel(World& world, uint32_t node, const std::vector<uint32_t>& jobs) {
  for (const uint32_t id : jobs) {
    const Job& job = world.jobs()[id];
    if (job.node == node && job.spec.home != node) world.move(id, job.spec.home, false);
  }
}

void Economy::changed(World& world, const Churn& event) {
  switch (event.what) {
    case Churn::What::kOwnerComes:
      expel(world, event.node, std::vector<uint32_t>(world.nodes()[event.node].jobs));
      break;
    case Churn::What::kOwnerGoes:
      break;
    case Churn::What::kLeave:
    case Churn::What::kCrash:
      board_.set_up(event.node, false);
      // Its jobs are started anew: their homes hear of it as the deputies do.
      for (const uint32_t id : world.nodes()[event.node].jobs) ended(world, id);
      break;
    case Churn::What::kReturn:
      board_.set_up(event.node, true);
      nodes_[event.node]->desk = economy::ReservationDesk();
      publish(world, event.node);
      break;
  }
}

}  // namespace starling::sim
