// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/membership/description_pool.h"

namespace starling::membership {

DescriptionPool::Handle DescriptionPool::intern(const Description& description) {
  if (last_ != 0 && items_[last_].references > 0 && items_[last_].description == description) {
    ++items_[last_].references;
    return last_;
  }
  auto [first, last] = by_uid_.equal_range(description.uid);
  for (auto it = first; it != last; ++it) {
    Item& item = items_[it->second];
    if (item.description == description) {
      ++item.references;
      last_ = it->second;
      return it->second;
    }
  }
  Handle handle;
  if (free_.empty()) {
    handle = static_cast<Handle>(items_.size());
    items_.emplace_back();
  } else {
    handle = free_.back();
    free_.pop_back();
  }
  items_[handle] = Item{description, 1};
  by_uid_.emplace(description.uid, handle);
  last_ = handle;
  return handle;
}

void DescriptionPool::release(Handle handle) {
  if (handle == 0) return;
  Item& item = items_[handle];
  if (--item.references != 0) return;
  auto [first, last] = by_uid_.equal_range(item.description.uid);
  for (auto it = first; it != last; ++it) {
    if (it->second == handle) {
      by_uid_.erase(it);
      break;
    }
  }
  item = Item{};
  free_.push_back(handle);
}

}  // namespace starling::membership
