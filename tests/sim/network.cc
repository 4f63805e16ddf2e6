// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/network.h"

#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

namespace starling::sim {

namespace {
constexpr uint16_t kPort = 7777;

Address address_of(uint32_t node) {
  return Address{membership::kLinkLocalPrefix, node + 1ULL, 1, kPort};
}

uint64_t scramble(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}
uint64_t machine_of(uint32_t node) {
  return scramble(node + 12345) | 1;
}
}  // namespace

uint64_t Random::next() {
  return scramble(state_ += 0x9e3779b97f4a7c15ULL);
}

Network::Network(const NetworkOptions& options)
    : options_(options),
      random_(options.seed),
      pool_(std::make_shared<membership::DescriptionPool>()) {
  // Ten thousand tables growing in turns would leave holes in the heap as big as themselves: give
  // each large one mappings of its own, of which only what is touched costs memory.
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}

Network::~Network() = default;

uint32_t Network::add_node() {
  const auto index = static_cast<uint32_t>(nodes_.size());
  nodes_.push_back(std::make_unique<Node>(*this, index));
  Node& node = *nodes_.back();
  node.rng = Random(random_.next());
  node.rate = 1 + options_.drift * (2 * random_.uniform() - 1);
  // Clocks of different machines have nothing in common.
  node.offset = Time{static_cast<int64_t>(random_.below(1'000'000)) * 1000};
  return index;
}

void Network::start(uint32_t index, uint16_t previous_number, bool remember_session) {
  Node& node = *nodes_[index];
  node.old_uid = node.uid;
  node.uid = random_.next() | 1;
  membership::Options options;
  options.uid = node.uid;
  options.machine = machine_of(index);
  options.port = kPort;
  options.period = options_.period;
  options.previous_number = previous_number;
  if (remember_session) options.previous_uid = node.old_uid;
  options.pool = pool_;
  ++node.life;
  node.leaving = false;
  node.paused_until = Time{};
  node.tick_at = Time::max();
  node.member = std::make_unique<Member>(options, node, &node);
  membership::LocalFacts facts;
  facts.hostname = "n" + std::to_string(index);
  facts.version = "0.1";
  facts.image = "sim";
  facts.load = 0.5;
  facts.memory_total = 1ULL << 30;
  facts.memory_free = 1ULL << 29;
  facts.cpus = 2;
  facts.speed = 1000;
  facts.addresses = {address_of(index)};
  node.member->publish(facts);
  node.member->start();
  reschedule(node);
}

void Network::kill(uint32_t index) {
  Node& node = *nodes_[index];
  node.member.reset();
  ++node.life;
  for (const auto& queued : node.queue) drop(queued.buffer);
  node.queue.clear();
}

void Network::leave(uint32_t index) {
  Node& node = *nodes_[index];
  node.leaving = true;
  node.member->leave();
  reschedule(node);
}

void Network::pause(uint32_t index, Time duration) {
  Node& node = *nodes_[index];
  node.paused_until = now_ + duration;
  push(node.paused_until, What::kWake, index, node.life, 0);
}

void Network::preload_all() {
  for (auto& other : nodes_) {
    if (!other->member) continue;
    membership::BoardEntry entry;
    entry.uid = other->uid;
    entry.machine = machine_of(other->self);
    entry.number = static_cast<uint16_t>(other->self + 1);
    entry.address = address_of(other->self);
    entry.hostname = "n" + std::to_string(other->self);
    entry.version = "0.1";
    entry.image = "sim";
    entry.memory_total = 1ULL << 30;
    entry.cpus = 2;
    entry.speed = 1000;
    for (auto& node : nodes_) {
      if (node->member) node->member->preload(entry, Time{0});
    }
  }
}

uint32_t Network::node_of(uint64_t uid) const {
  for (const auto& node : nodes_) {
    if (node->uid == uid || node->old_uid == uid) return node->self;
  }
  return static_cast<uint32_t>(-1);
}

Time Network::Node::now() {
  return offset + Time{static_cast<int64_t>(static_cast<double>(net.now_.count()) * rate)};
}

Time Network::Node::to_global(Time local) const {
  if (local == Time::max()) return local;
  // Rounded up: a tick must not come before its time.
  return Time{
      static_cast<int64_t>(std::ceil(static_cast<double>((local - offset).count()) / rate))};
}

void Network::Node::send(const Address& to, std::span<const uint8_t> bytes) {
  const uint64_t index = to.lo - 1;
  if (index >= net.nodes_.size()) return;
  const uint32_t buffer = net.hold(bytes);
  net.post(self, static_cast<uint32_t>(index), buffer);
  net.drop(buffer);
}

void Network::Node::multicast(std::span<const uint8_t> bytes) {
  const uint32_t buffer = net.hold(bytes);
  for (uint32_t to = 0; to < net.nodes_.size(); ++to) {
    if (to != self && net.nodes_[to]->member) net.post(self, to, buffer);
  }
  net.drop(buffer);
}

void Network::Node::on_event(const Event& event) {
  if (net.on_event) net.on_event(self, event);
}

uint32_t Network::hold(std::span<const uint8_t> bytes) {
  if (free_buffers_.empty()) {
    free_buffers_.push_back(static_cast<uint32_t>(buffers_.size()));
    buffers_.push_back(std::make_unique<Buffer>());
  }
  const uint32_t index = free_buffers_.back();
  free_buffers_.pop_back();
  Buffer& buffer = *buffers_[index];
  std::memcpy(buffer.bytes.data(), bytes.data(), bytes.size());
  buffer.size = static_cast<uint16_t>(bytes.size());
  buffer.users = 1;
  return index;
}

void Network::drop(uint32_t index) {
  if (--buffers_[index]->users == 0) free_buffers_.push_back(index);
}

void Network::push(Time at, What what, uint32_t node, uint32_t from, uint32_t buffer) {
  heap_.push_back(Item{at.count(), order_++, node, from, buffer, what});
  std::push_heap(heap_.begin(), heap_.end());
}

void Network::post(uint32_t from, uint32_t to, uint32_t buffer) {
  if (options_.loss > 0 && random_.uniform() < options_.loss) return;
  if (reaches && !reaches(from, to)) return;
  double us = options_.latency_us - options_.jitter_us * std::log(1 - random_.uniform());
  if (random_.uniform() < options_.spike_chance) us += options_.spike_us * random_.uniform();
  ++buffers_[buffer]->users;
  push(now_ + Time{static_cast<int64_t>(us)}, What::kDatagram, to, from, buffer);
}

void Network::deliver(Node& node, uint32_t from, uint32_t index, Time local_arrival) {
  const Buffer& buffer = *buffers_[index];
  ++delivered_;
  uint64_t hash = trace_ ^ static_cast<uint64_t>(now_.count()) ^
                  (static_cast<uint64_t>(from) << 32 | node.self);
  size_t at = 0;
  for (; at + 8 <= buffer.size; at += 8) {
    uint64_t word;
    std::memcpy(&word, buffer.bytes.data() + at, 8);
    hash = (hash ^ word) * 0x100000001b3ULL;
    hash ^= hash >> 29;
  }
  for (; at < buffer.size; ++at) hash = (hash ^ buffer.bytes[at]) * 0x100000001b3ULL;
  trace_ = hash;
  node.member->receive(address_of(from), {buffer.bytes.data(), buffer.size}, local_arrival);
}

void Network::reschedule(Node& node) {
  if (!node.member) return;
  const Time due = node.to_global(node.member->next_deadline());
  if (due == Time::max() || due >= node.tick_at) return;
  node.tick_at = std::max(due, now_);
  push(node.tick_at, What::kTick, node.self, node.life, 0);
}

void Network::run_until(Time end) {
  while (!heap_.empty() && heap_.front().at <= end.count()) {
    std::pop_heap(heap_.begin(), heap_.end());
    const Item item = heap_.back();
    heap_.pop_back();
    now_ = Time{item.at};
    Node& node = *nodes_[item.node];
    const bool paused = now_ < node.paused_until;
    if (item.what == What::kDatagram) {
      if (!node.member) {
        drop(item.buffer);
      } else if (paused) {
        node.queue.push_back({item.from, item.buffer, node.now()});
      } else {
        deliver(node, item.from, item.buffer, node.now());
        drop(item.buffer);
        reschedule(node);
      }
      continue;
    }
    if (item.from != node.life || !node.member) continue;
    if (item.what == What::kTick) {
      if (now_ != node.tick_at || paused) continue;
    } else {
      // Awake: like the daemon, first read what the socket holds, then see what is due.
      if (paused) continue;
      const auto queue = std::move(node.queue);
      node.queue.clear();
      for (const auto& queued : queue) {
        deliver(node, queued.from, queued.buffer, queued.arrived);
        drop(queued.buffer);
      }
    }
    node.tick_at = Time::max();
    node.member->tick();
    if (node.leaving && node.member->gone()) {
      kill(item.node);
      continue;
    }
    reschedule(node);
  }
  now_ = end;
}

bool Network::run_until_true(const std::function<bool()>& done, Time limit, Time step) {
  const Time end = now_ + limit;
  while (now_ < end) {
    if (done()) return true;
    run_until(std::min(end, now_ + step));
  }
  return done();
}

}  // namespace starling::sim
