// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

namespace starling::migrate {

inline constexpr std::uint64_t kPage = 4096;  // bytes; x86-64 base pages

// An address in the moved process, not in this one. Deputy and body have the same layout, so it
// names the same byte on both sides; it must never be dereferenced here.
struct RemoteAddr {
  std::uint64_t value = 0;

  auto operator<=>(const RemoteAddr&) const = default;
  RemoteAddr operator+(std::uint64_t bytes) const { return {value + bytes}; }
  std::uint64_t operator-(RemoteAddr other) const { return value - other.value; }
  RemoteAddr page() const { return {value & ~(kPage - 1)}; }
  bool null() const { return value == 0; }
};

// [begin, end) in the moved process.
struct RemoteRange {
  RemoteAddr begin;
  RemoteAddr end;

  auto operator<=>(const RemoteRange&) const = default;
  std::uint64_t size() const { return end - begin; }
  bool empty() const { return begin >= end; }
  bool contains(RemoteAddr a) const { return begin <= a && a < end; }
};

using RemoteRanges = std::vector<RemoteRange>;  // sorted, disjoint

}  // namespace starling::migrate
