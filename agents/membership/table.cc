// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/membership/table.h"

#include <algorithm>

namespace starling::membership {

NodeTable::NodeTable(size_t max_nodes)
    : max_nodes_(std::min<size_t>(max_nodes, kMaxNodes)), index_(32, kNoSlot) {}

Slot NodeTable::find(uint64_t uid) const {
  for (size_t at = home(uid); index_[at] != kNoSlot; at = (at + 1) & (index_.size() - 1)) {
    if (nodes_[index_[at]].uid == uid) return index_[at];
  }
  return kNoSlot;
}

Slot NodeTable::insert(uint64_t uid) {
  if (full()) return kNoSlot;
  if ((size() + 1) * 2 > index_.size()) rebuild(index_.size() * 2);
  Slot slot;
  if (free_.empty()) {
    // Growing by a quarter instead of doubling keeps 10,000 simulated tables small.
    if (nodes_.size() == nodes_.capacity()) nodes_.reserve(nodes_.size() + nodes_.size() / 4 + 16);
    slot = static_cast<Slot>(nodes_.size());
    nodes_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
    nodes_[slot] = Node{};
  }
  nodes_[slot].uid = uid;
  size_t at = home(uid);
  while (index_[at] != kNoSlot) at = (at + 1) & (index_.size() - 1);
  index_[at] = slot;
  return slot;
}

void NodeTable::erase(Slot slot) {
  const size_t mask = index_.size() - 1;
  size_t hole = home(nodes_[slot].uid);
  while (index_[hole] != slot) hole = (hole + 1) & mask;
  // Shift back what probed past the hole, so that no markers are needed.
  for (size_t at = (hole + 1) & mask; index_[at] != kNoSlot; at = (at + 1) & mask) {
    const size_t want = home(nodes_[index_[at]].uid);
    if (((at - want) & mask) >= ((at - hole) & mask)) {
      index_[hole] = index_[at];
      hole = at;
    }
  }
  index_[hole] = kNoSlot;
  nodes_[slot] = Node{};
  free_.push_back(slot);
}

void NodeTable::rebuild(size_t buckets) {
  index_.assign(buckets, kNoSlot);
  index_.shrink_to_fit();
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].uid == 0) continue;
    size_t at = home(nodes_[i].uid);
    while (index_[at] != kNoSlot) at = (at + 1) & (buckets - 1);
    index_[at] = static_cast<Slot>(i);
  }
}

size_t NodeTable::memory_use() const {
  return nodes_.capacity() * sizeof(Node) + (free_.capacity() + index_.capacity()) * sizeof(Slot);
}

}  // namespace starling::membership
