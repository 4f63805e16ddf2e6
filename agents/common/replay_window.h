// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>

namespace starling {

// Remembers which of the last kSize counter values were seen (RFC 6479's ring of words: moving on
// clears whole words and shifts nothing). Values start at 1. Older ones count as seen.
class ReplayWindow {
 public:
  // 16 words, one of which is being filled.
  static constexpr std::uint64_t kSize = 15 * 64;

  // True, and remembered, when `value` was not seen before. Ask only about authenticated values.
  bool accept(std::uint64_t value) {
    if (value <= floor_) return false;
    if (highest_ >= kSize && value <= highest_ - kSize) return false;
    const std::uint64_t word = value / 64;
    if (value > highest_) {
      const std::uint64_t current = highest_ / 64;
      const std::uint64_t steps = word - current < kWords ? word - current : kWords;
      for (std::uint64_t i = 1; i <= steps; ++i) bits_[(current + i) % kWords] = 0;
      highest_ = value;
    }
    const std::uint64_t bit = std::uint64_t{1} << (value % 64);
    std::uint64_t& slot = bits_[word % kWords];
    if (slot & bit) return false;
    slot |= bit;
    return true;
  }

  // From now on every value up to and including `value` counts as seen.
  void raise_floor(std::uint64_t value) {
    if (value > floor_) floor_ = value;
  }
  std::uint64_t floor() const { return floor_; }

 private:
  static constexpr std::uint64_t kWords = 16;
  std::array<std::uint64_t, kWords> bits_{};
  std::uint64_t highest_ = 0;
  std::uint64_t floor_ = 0;
};

}  // namespace starling
