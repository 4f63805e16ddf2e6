// SPDX-License-Identifier: GPL-2.0-or-later
// A flock in virtual time: the unchanged membership core on a network that delays, loses and cuts.
// Everything is drawn from one seed; the same seed gives the same trace.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "agents/membership/description_pool.h"
#include "agents/membership/member.h"

namespace starling::sim {

using membership::Address;
using membership::Event;
using membership::EventKind;
using membership::Member;
using membership::Time;

// splitmix64
class Random {
 public:
  explicit Random(uint64_t seed = 1) : state_(seed) {}
  uint64_t next();
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  uint32_t below(uint32_t bound) {
    return static_cast<uint32_t>((next() >> 32) * bound >> 32);
  }

 private:
  uint64_t state_;
};

struct NetworkOptions {
  uint64_t seed = 1;
  double loss = 0;
  // Transit: a fixed part, an exponential part, and now and then a burst in a queue.
  double latency_us = 100;
  double jitter_us = 150;
  double spike_chance = 0.001;
  double spike_us = 20000;
  // Clocks of nodes run at 1 +- this.
  double drift = 0;
  Time period{200'000};
};

class Network {
 public:
  explicit Network(const NetworkOptions& options);
  ~Network();

  // A node that is switched off; `previous` is what its disk remembers.
  uint32_t add_node();
  void start(uint32_t node, uint16_t previous_number = 0, bool remember_session = false);
  void kill(uint32_t node);   // no word
  void leave(uint32_t node);  // says goodbye, then stops
  void pause(uint32_t node, Time duration);  // SIGSTOP: datagrams queue, nothing runs
  // Every running node knows every other, as if a moment ago.
  void preload_all();

  // Whether a datagram from one node reaches another; empty: always.
  std::function<bool(uint32_t from, uint32_t to)> reaches;
  // Called for every event of every node.
  std::function<void(uint32_t node, const Event&)> on_event;

  void run_for(Time duration) { run_until(now_ + duration); }
  void run_until(Time end);
  // Runs until `done` holds, asking every `step`; false if `limit` passed first.
  bool run_until_true(const std::function<bool()>& done, Time limit, Time step = Time{50'000});

  Time now() const { return now_; }
  size_t size() const { return nodes_.size(); }
  bool up(uint32_t node) const { return nodes_[node]->member != nullptr; }
  Member& member(uint32_t node) { return *nodes_[node]->member; }
  uint64_t uid(uint32_t node) const { return nodes_[node]->uid; }
  // Index of the node that has or had this uid last.
  uint32_t node_of(uint64_t uid) const;
  uint64_t trace() const { return trace_; }
  uint64_t delivered() const { return delivered_; }
  Random& random() { return random_; }

 private:
  struct Buffer {
    std::array<uint8_t, membership::kMaxDatagram> bytes;
    uint16_t size = 0;
    uint32_t users = 0;
  };
  struct Node final : membership::Environment, membership::Observer {
    Node(Network& network, uint32_t index) : net(network), self(index) {}
    Time now() override;
    uint64_t random() override { return rng.next(); }
    void send(const Address& to, std::span<const uint8_t> bytes) override;
    void multicast(std::span<const uint8_t> bytes) override;
    void on_event(const Event& event) override;
    Time to_global(Time local) const;

    Network& net;
    uint32_t self;
    Random rng;
    double rate = 1;
    Time offset{};
    uint64_t uid = 0;
    uint64_t old_uid = 0;
    uint32_t life = 0;  // counts starts, so that old ticks die
    bool leaving = false;
    Time paused_until{};
    Time tick_at = Time::max();
    std::unique_ptr<Member> member;
    struct Queued {
      uint32_t from;
      uint32_t buffer;
      Time arrived;
    };
    std::vector<Queued> queue;  // while paused
  };
  enum class What : uint8_t { kDatagram, kTick, kWake };
  struct Item {
    int64_t at;
    uint64_t order;
    uint32_t node;
    uint32_t from;    // datagram: sender; else: the node's life
    uint32_t buffer;
    What what;
    bool operator<(const Item& other) const {  // for a min-heap by std::push_heap
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  void push(Time at, What what, uint32_t node, uint32_t from, uint32_t buffer);
  void post(uint32_t from, uint32_t to, uint32_t buffer);
  uint32_t hold(std::span<const uint8_t> bytes);
  void drop(uint32_t buffer);
  void deliver(Node& node, uint32_t from, uint32_t buffer, Time local_arrival);
  void reschedule(Node& node);

  NetworkOptions options_;
  Random random_;
  Time now_{};
  uint64_t order_ = 0;
  uint64_t trace_ = 0xcbf29ce484222325ULL;
  uint64_t delivered_ = 0;
  std::shared_ptr<membership::DescriptionPool> pool_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Item> heap_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::vector<uint32_t> free_buffers_;
};

}  // namespace starling::sim
