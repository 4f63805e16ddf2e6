// SPDX-License-Identifier: GPL-2.0-or-later
// The events a node is passing on: bounded, one per subject, the least told first.
#pragma once

#include <cstdint>
#include <vector>

#include "agents/membership/table.h"

namespace starling::membership {

enum class NewsKind : uint8_t { kAlive = 1, kSuspect = 2, kDead = 3, kLeft = 4, kReplaced = 5 };

struct News {
  uint64_t uid = 0;
  uint64_t accuser = 0;  // of a suspicion or verdict
  Millis raised = 0;
  uint16_t incarnation = 0;
  NewsKind kind = NewsKind::kAlive;
  uint8_t sends = 0;
};

class NewsQueue {
 public:
  // Replaces older news about the same node. When full, the most told gives way.
  void add(const News& news);
  void drop(uint64_t uid);
  void drop_accusations();  // suspicions and verdicts
  const News* find(uint64_t uid) const;
  // Appends to `out` up to `count` of the least told and counts them as told once more; those told
  // `limit` times or older than `max_age_ms` are forgotten.
  void take(size_t count, uint32_t limit, Millis now, int32_t max_age_ms, std::vector<News>& out);
  size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  size_t memory_use() const { return items_.capacity() * sizeof(News); }

 private:
  std::vector<News> items_;
  size_t turn_ = 0;  // where take() goes on
};

}  // namespace starling::membership
