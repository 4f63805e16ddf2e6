// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/membership/news.h"

#include <algorithm>

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
  if (items_.size() > count) {
    std::nth_element(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(count),
                     items_.end(), [](const News& a, const News& b) {
                       return a.sends != b.sends ? a.sends < b.sends : a.uid < b.uid;
                     });
  }
  for (size_t i = 0; i < std::min(count, items_.size()); ++i) {
    ++items_[i].sends;
    out.push_back(items_[i]);
  }
}

}  // namespace starling::membership
