// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/membership/news.h"

#include <algorithm>
#include <array>

#include "agents/membership/timing.h"

namespace starling::membership {

void NewsQueue::add(const News& news) {
  for (News& item : items_) {
    if (item.uid == news.uid) {
      item = news;
      return;
    }
  }
  if (items_.size() < kMaxNews) {
    items_.push_back(news);
    return;
  }
  auto most = std::max_element(items_.begin(), items_.end(),
                               [](const News& a, const News& b) { return a.sends < b.sends; });
  *most = news;
}

void NewsQueue::drop(uint64_t uid) {
  std::erase_if(items_, [uid](const News& item) { return item.uid == uid; });
}

void NewsQueue::drop_accusations() {
  std::erase_if(items_, [](const News& item) {
    return item.kind == NewsKind::kSuspect || item.kind == NewsKind::kDead;
  });
}

const News* NewsQueue::find(uint64_t uid) const {
  for (const News& item : items_) {
    if (item.uid == uid) return &item;
  }
  return nullptr;
}

void NewsQueue::take(size_t count, uint32_t limit, Millis now, int32_t max_age_ms,
                     std::vector<News>& out) {
  if (items_.empty()) return;
  std::erase_if(items_, [&](const News& item) {
    return item.sends >= limit || since(now, item.raised) > max_age_ms;
  });
  if (items_.empty()) return;
  // All told less often than `most` go, and of those told that often as many as there is room for,
  // beginning at another place each time.
  std::array<uint16_t, 256> told{};
  for (const News& item : items_) ++told[item.sends];
  size_t most = 0, room = count;
  while (most < told.size() - 1 && told[most] <= room) room -= told[most++];
  size_t left = std::min(count, items_.size());
  if (turn_ >= items_.size()) turn_ = 0;
  for (size_t i = 0, at = turn_; i < items_.size() && left > 0; ++i, ++at) {
    if (at == items_.size()) at = 0;
    News& item = items_[at];
    if (item.sends > most || (item.sends == most && room == 0)) continue;
    if (item.sends == most) {
      --room;
      turn_ = at + 1;
    }
    ++item.sends;
    out.push_back(item);
    --left;
  }
}

}  // namespace starling::membership
