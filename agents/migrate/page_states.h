// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace starling::migrate {

// What is known of a page of the body. A page only ever goes on in this list.
enum class PageState : std::uint8_t {
  home = 0,  // only the source has it
  zero = 1,  // the source has nothing there: the first touch finds zeros
  here = 2,  // placed in the body
  gone = 3,  // dropped or unmapped by the process: nothing may be placed any more
};

// The states of the pages of one region, by index. 2 bits a page, in chunks that take no memory
// while all their pages are alike: a reservation of terabytes costs a few megabytes.
class PageStates {
 public:
  explicit PageStates(std::uint64_t pages);

  std::uint64_t size() const { return size_; }
  std::uint64_t count(PageState state) const { return counts_[static_cast<std::size_t>(state)]; }
  PageState get(std::uint64_t page) const;
  void set(std::uint64_t begin, std::uint64_t end, PageState state);
  // The first page in [begin, end) whose state is (is not) `state`; `end` if there is none.
  std::uint64_t find(std::uint64_t begin, std::uint64_t end, PageState state) const;
  std::uint64_t find_other(std::uint64_t begin, std::uint64_t end, PageState state) const;

 private:
  static constexpr std::uint64_t kChunk = 16384;  // pages
  static constexpr std::uint64_t kWord = 32;      // pages
  struct Chunk {
    PageState all = PageState::home;  // when there are no words
    std::unique_ptr<std::array<std::uint64_t, kChunk / kWord>> words;
  };

  template <bool kEqual>
  std::uint64_t search(std::uint64_t begin, std::uint64_t end, PageState state) const;

  std::uint64_t size_;
  std::array<std::uint64_t, 4> counts_{};
  std::vector<Chunk> chunks_;
};

}  // namespace starling::migrate
