// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/page_states.h"

#include <algorithm>

namespace starling::migrate {

// The word in which all pages have this state.
static std::uint64_t pattern(PageState state) {
  return static_cast<std::uint64_t>(state) * 0x5555555555555555;
}

PageStates::PageStates(std::uint64_t pages) : size_(pages), chunks_((pages + kChunk - 1) / kChunk) {
  counts_[static_cast<std::size_t>(PageState::home)] = pages;
}

PageState PageStates::get(std::uint64_t page) const {
  const Chunk& chunk = chunks_[page / kChunk];
  if (!chunk.words) return chunk.all;
  const std::uint64_t word = (*chunk.words)[page % kChunk / kWord];
  return static_cast<PageState>(word >> (page % kWord * 2) & 3);
}

void PageStates::set(std::uint64_t begin, std::uint64_t end, PageState state) {
  while (begin < end) {
    Chunk& chunk = chunks_[begin / kChunk];
    const std::uint64_t base = begin / kChunk * kChunk;
    const std::uint64_t chunk_end = std::min(base + kChunk, size_);
    const std::uint64_t stop = std::min(end, chunk_end);
    if (!chunk.words && chunk.all == state) {
      begin = stop;
      continue;
    }
    if (begin == base && stop == chunk_end) {
      for (std::uint64_t page = begin; page < stop;) {
        const PageState old = get(page);
        const std::uint64_t next = find_other(page, stop, old);
        counts_[static_cast<std::size_t>(old)] -= next - page;
        page = next;
      }
      chunk.words.reset();
      chunk.all = state;
      counts_[static_cast<std::size_t>(state)] += stop - begin;
      begin = stop;
      continue;
    }
    if (!chunk.words) {
      chunk.words = std::make_unique<std::array<std::uint64_t, kChunk / kWord>>();
      chunk.words->fill(pattern(chunk.all));
    }
    counts_[static_cast<std::size_t>(state)] += stop - begin;
    for (; begin < stop; ++begin) {
      std::uint64_t& word = (*chunk.words)[begin % kChunk / kWord];
      const unsigned shift = static_cast<unsigned>(begin % kWord * 2);
      --counts_[word >> shift & 3];
      word = (word & ~(std::uint64_t{3} << shift)) | static_cast<std::uint64_t>(state) << shift;
    }
  }
}

template <bool kEqual>
std::uint64_t PageStates::search(std::uint64_t begin, std::uint64_t end, PageState state) const {
  while (begin < end) {
    const Chunk& chunk = chunks_[begin / kChunk];
    if (!chunk.words) {
      if ((chunk.all == state) == kEqual) return begin;
      begin = (begin / kChunk + 1) * kChunk;
      continue;
    }
    // A word in which no page can be the one sought: for "other" that is a word of one pattern, for
    // "equal" one of another single pattern.
    const std::uint64_t word = (*chunk.words)[begin % kChunk / kWord];
    const bool uniform = word == pattern(static_cast<PageState>(word & 3));
    if (uniform && (static_cast<PageState>(word & 3) == state) != kEqual) {
      begin = (begin / kWord + 1) * kWord;
      continue;
    }
    if ((get(begin) == state) == kEqual) return begin;
    ++begin;
  }
  return end;
}

std::uint64_t PageStates::find(std::uint64_t begin, std::uint64_t end, PageState state) const {
  return search<true>(begin, end, state);
}

std::uint64_t PageStates::find_other(std::uint64_t begin, std::uint64_t end,
                                     PageState state) const {
  return search<false>(begin, end, state);
}

}  // namespace starling::migrate
