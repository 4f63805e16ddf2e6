// SPDX-License-Identifier: GPL-2.0-or-later
// All nodes one Member knows, living and dead: a flat table with an index by uid. A flock of
// 10,000 costs 48 bytes and a few bytes of index per node.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "agents/membership/member.h"

namespace starling::membership {

// Milliseconds on the Member's own clock; differences are taken modulo 2^32 (as signed numbers),
// which orders anything less than 24 days apart. What is kept for longer is moved along.
using Millis = uint32_t;
inline int32_t since(Millis later, Millis earlier) {
  return static_cast<int32_t>(later - earlier);
}

using Slot = uint16_t;
inline constexpr Slot kNoSlot = 0xffff;

struct Node {
  uint64_t uid = 0;  // 0: this slot is free
  uint64_t lo = 0;   // low half of the address; the rest is in Impl::nets_[net]
  uint32_t sequence = 0;
  Millis origin = 0;  // when the node produced the figures kept here
  Millis life = 0;    // latest proof of life (at or after origin)
  Millis since = 0;   // alive: since when; suspect: when accused; dead, left: time of the verdict
  uint32_t description = 0;
  uint16_t load = 0;
  uint16_t memory = 0;  // of a dead node: its place in the list of the dead
  uint16_t number = 0;
  uint16_t incarnation = 0;
  uint8_t net = 0;
  uint8_t tenure = 0;
  State state = State::kAlive;
  uint8_t flags = 0;

  bool live() const { return state == State::kAlive || state == State::kSuspect; }
};
static_assert(sizeof(Node) == 48, "the simulator's memory is 10,000 x 10,000 of these");

// Spreads uids over buckets and makes sets of them comparable by xor (splitmix64's finisher).
inline uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

class NodeTable {
 public:
  explicit NodeTable(size_t max_nodes);

  // kNoSlot if absent.
  Slot find(uint64_t uid) const;
  // The uid must be absent and not 0. kNoSlot if the table is full. May move the Nodes.
  Slot insert(uint64_t uid);
  void erase(Slot slot);

  Node& operator[](Slot slot) { return nodes_[slot]; }
  const Node& operator[](Slot slot) const { return nodes_[slot]; }
  // Hints for work on many nodes in a row: first all hash_hint(), then all node_hint().
  void prefetch(Slot slot) const { __builtin_prefetch(&nodes_[slot]); }
  void hash_hint(uint64_t uid) const { __builtin_prefetch(&index_[home(uid)]); }
  void node_hint(uint64_t uid) const {
    const Slot slot = index_[home(uid)];
    if (slot != kNoSlot) __builtin_prefetch(&nodes_[slot]);
  }
  // One past the highest slot ever used; slots with uid 0 are free.
  size_t slots() const { return nodes_.size(); }
  size_t size() const { return nodes_.size() - free_.size(); }
  bool full() const { return size() >= max_nodes_; }
  size_t memory_use() const;

 private:
  void rebuild(size_t buckets);
  size_t home(uint64_t uid) const { return mix(uid) & (index_.size() - 1); }

  size_t max_nodes_;
  std::vector<Node> nodes_;
  std::vector<Slot> free_;
  std::vector<Slot> index_;  // linear probing, at most half full
};

}  // namespace starling::membership
