// SPDX-License-Identifier: GPL-2.0-or-later
// What nodes say about themselves once, kept once per process however many Members know it.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace starling::membership {

struct Description {
  uint64_t uid = 0;
  uint64_t machine = 0;
  std::string hostname, version, image;
  uint64_t memory_total = 0;
  uint32_t cpus = 0;
  uint32_t speed = 0;
  std::vector<uint64_t> addresses;  // low halves, link-local

  friend bool operator==(const Description&, const Description&) = default;
};

// Interned by content, counted by reference. Handle 0 means "none". Not thread-safe.
class DescriptionPool {
 public:
  using Handle = uint32_t;

  // Returns a handle with one reference taken.
  Handle intern(const Description& description);
  void release(Handle handle);
  // `handle` must not be 0. Valid until the last reference is released.
  const Description& get(Handle handle) const { return items_[handle].description; }
  size_t size() const { return items_.size() - 1 - free_.size(); }

 private:
  struct Item {
    Description description;
    uint32_t references = 0;
  };
  std::vector<Item> items_{1};
  std::vector<Handle> free_;
  Handle last_ = 0;  // the same description often comes to many Members in a row
  std::unordered_multimap<uint64_t, Handle> by_uid_;
};

}  // namespace starling::membership
