// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/sink_memory.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "agents/migrate/process_maps.h"

namespace starling::migrate {
namespace {

// Placed under one hold of the lock: the best rate of UFFDIO_COPY is reached with it, and a fault
// waits for no more than this.
constexpr std::uint64_t kPiece = 64 * 1024;

bool contains(const RemoteRanges& ranges, RemoteAddr a) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), a,
                                      [](RemoteAddr x, const RemoteRange& r) { return x < r.end; });
  return after != ranges.end() && after->contains(a);
}

RemoteRange meet(RemoteRange a, RemoteRange b) {
  return {std::max(a.begin, b.begin), std::min(a.end, b.end)};
}

}  // namespace

void add_range(RemoteRanges& ranges, RemoteRange range) {
  if (range.empty()) return;
  auto first = std::lower_bound(ranges.begin(), ranges.end(), range.begin,
                                [](const RemoteRange& r, RemoteAddr a) { return r.end < a; });
  auto last = first;
  for (; last != ranges.end() && last->begin <= range.end; ++last) {
    range = {std::min(range.begin, last->begin), std::max(range.end, last->end)};
  }
  ranges.insert(ranges.erase(first, last), range);
}

SinkMemory::SinkMemory(Userfaultfd uffd, pid_t body) : uffd_(std::move(uffd)), scan_(body) {}

template <typename F>
void SinkMemory::each(RemoteRange range, F&& f) {
  auto it = regions_.upper_bound(range.begin.value);
  if (it != regions_.begin()) --it;
  for (; it != regions_.end() && it->second.info.range.begin < range.end; ++it) {
    const RemoteRange part = meet(range, it->second.info.range);
    if (!part.empty()) f(it->second, it->second.index(part.begin), it->second.index(part.end));
  }
}

const SinkMemory::Region* SinkMemory::region_at(RemoteAddr page) const {
  auto it = regions_.upper_bound(page.value);
  if (it == regions_.begin()) return nullptr;
  --it;
  return it->second.info.range.contains(page) && !contains(unmapped_, page) ? &it->second : nullptr;
}

SinkMemory::Region* SinkMemory::region_at(RemoteAddr page) {
  return const_cast<Region*>(std::as_const(*this).region_at(page));
}

void SinkMemory::add_region(RemoteRange range, bool file_backed) {
  const std::lock_guard lock(mutex_);
  if (range.empty() || range.begin.value % kPage != 0 || range.end.value % kPage != 0) {
    throw std::invalid_argument("a region that is not whole pages");
  }
  bool overlaps = false;
  each(range, [&](Region&, std::uint64_t, std::uint64_t) { overlaps = true; });
  if (overlaps) throw std::invalid_argument("a region over another");
  uffd_.register_range(range);
  regions_.emplace(range.begin.value,
                   Region{{range, file_backed}, PageStates(range.size() / kPage), {}});
}

void SinkMemory::unregister(RemoteRange range) {
  const std::lock_guard lock(mutex_);
  if (!movable(range)) {
    throw std::logic_error("a range with pages of home's was to be taken from the page service");
  }
  drop(range);
  add_range(unmapped_, range);
  uffd_.unregister_range(range);
}

// No page of `range` depends on us, except to be zero.
bool SinkMemory::movable(RemoteRange range) const {
  bool good = true;
  const_cast<SinkMemory*>(this)->each(
      range, [&](const Region& region, std::uint64_t begin, std::uint64_t end) {
        for (std::uint64_t i = begin; i < end;) {
          const PageState state = region.states.get(i);
          const std::uint64_t next = region.states.find_other(i, end, state);
          const RemoteRange part{region.address(i), region.address(next)};
          const bool ours =
              state == PageState::home || (state == PageState::gone && region.info.file_backed);
          if (ours && !subtract({part}, unmapped_).empty()) good = false;
          i = next;
        }
      });
  return good && subtract({range}, unreadable_) == RemoteRanges{range};
}

SinkMemory::Progress SinkMemory::place(RemoteAddr at, Bytes data) {
  Progress progress;
  progress.next = at;
  const RemoteAddr end = at + data.size();
  while (progress.next < end) {
    const std::lock_guard lock(mutex_);
    const RemoteAddr begin = progress.next;
    const Region* known = region_at(begin);
    if (known == nullptr) {
      progress.next = begin + kPage;
      continue;
    }
    Region& region = const_cast<Region&>(*known);
    const std::uint64_t first = region.index(begin);
    const std::uint64_t last = region.index(std::min(end, region.info.range.end));
    const std::uint64_t from = region.states.find(first, last, PageState::home);
    if (from == last) {
      progress.next = region.address(last);
      continue;
    }
    const std::uint64_t to =
        region.states.find_other(from, std::min(last, from + kPiece / kPage), PageState::home);
    const RemoteAddr target = region.address(from);
    const auto placed = uffd_.copy(target, data.subspan(target - at, (to - from) * kPage));
    const std::uint64_t pages = placed.bytes / kPage;
    region.states.set(from, from + pages, PageState::here);
    progress.placed += pages;
    progress.next = target + placed.bytes;
    switch (placed.stop) {
      case Userfaultfd::Stop::none:
        break;
      case Userfaultfd::Stop::exists:
        region.states.set(from + pages, from + pages + 1, PageState::here);
        uffd_.wake({progress.next, progress.next + kPage});
        progress.next = progress.next + kPage;
        break;
      case Userfaultfd::Stop::absent:
        // Its mapping has gone; the event that says so is on its way.
        progress.next = progress.next + kPage;
        break;
      case Userfaultfd::Stop::changing:
        progress.again = true;
        return progress;
      case Userfaultfd::Stop::dead:
        progress.dead = true;
        return progress;
    }
  }
  return progress;
}

void SinkMemory::mark_zero(RemoteRange range) {
  const std::lock_guard lock(mutex_);
  each(range, [](Region& region, std::uint64_t begin, std::uint64_t end) {
    while ((begin = region.states.find(begin, end, PageState::home)) < end) {
      const std::uint64_t stop = region.states.find_other(begin, end, PageState::home);
      region.states.set(begin, stop, PageState::zero);
      begin = stop;
    }
  });
}

void SinkMemory::wake(RemoteRange range) {
  const std::lock_guard lock(mutex_);
  uffd_.wake(range);
}

void SinkMemory::mark_unreadable(RemoteRange range) {
  const std::lock_guard lock(mutex_);
  each(range, [&](Region& region, std::uint64_t begin, std::uint64_t end) {
    while ((begin = region.states.find(begin, end, PageState::home)) < end) {
      const std::uint64_t stop = region.states.find_other(begin, end, PageState::home);
      add_range(unreadable_, {region.address(begin), region.address(stop)});
      region.states.set(begin, stop, PageState::gone);
      begin = stop;
    }
  });
  uffd_.wake(range);
}

bool SinkMemory::filled_with_zeros(RemoteAddr page) const {
  const Region* region = region_at(page);
  if (region == nullptr) return true;
  const PageState state = region->states.get(region->index(page));
  if (state == PageState::zero) return true;
  return state == PageState::gone && !region->info.file_backed && !contains(unreadable_, page);
}

SinkMemory::Progress SinkMemory::fill_zero(RemoteRange range) {
  const std::lock_guard lock(mutex_);
  return zero_locked(range);
}

SinkMemory::Progress SinkMemory::zero_locked(RemoteRange range) {
  Progress progress;
  progress.next = range.begin;
  while (progress.next < range.end) {
    if (!filled_with_zeros(progress.next)) {
      progress.next = progress.next + kPage;
      continue;
    }
    RemoteAddr end = progress.next;
    while (end < range.end && filled_with_zeros(end)) end = end + kPage;
    const auto placed = uffd_.zero({progress.next, end});
    each({progress.next, progress.next + placed.bytes},
         [](Region& region, std::uint64_t begin, std::uint64_t stop) {
           for (; begin < stop; ++begin) {
             if (region.states.get(begin) == PageState::zero) {
               region.states.set(begin, begin + 1, PageState::here);
             }
           }
         });
    progress.placed += placed.bytes / kPage;
    progress.next = progress.next + placed.bytes;
    switch (placed.stop) {
      case Userfaultfd::Stop::none:
        break;
      case Userfaultfd::Stop::exists:
        uffd_.wake({progress.next, progress.next + kPage});
        progress.next = progress.next + kPage;
        break;
      // Beyond the end of the mapping (a stack has grown no further), or it is being unmapped: who
      // waits there is to find that out.
      case Userfaultfd::Stop::absent:
        uffd_.wake({progress.next, progress.next + kPage});
        progress.next = range.end;
        break;
      case Userfaultfd::Stop::changing:
        progress.again = true;
        return progress;
      case Userfaultfd::Stop::dead:
        progress.dead = true;
        return progress;
    }
  }
  return progress;
}

// Pages around `page` that belong to no region, within reach of a window.
RemoteRange SinkMemory::unknown_around(RemoteAddr page) const {
  constexpr std::uint64_t kReach = FaultWindow::kMost * kPage;
  RemoteRange range{{page.value < kReach ? 0 : page.value - kReach}, page + kReach};
  RemoteRanges known;
  for (const auto& [begin, region] : regions_) {
    const RemoteRange part = meet(range, region.info.range);
    if (!part.empty()) known.push_back(part);
  }
  for (const RemoteRange& part : subtract({range}, subtract(known, unmapped_))) {
    if (part.contains(page)) return part;
  }
  return {page, page + kPage};
}

SinkMemory::Answer SinkMemory::look(RemoteAddr page) {
  const std::lock_guard lock(mutex_);
  Region* region = region_at(page);
  if (region == nullptr) return {Need::zero, growth_.next(page, unknown_around(page))};
  const std::uint64_t index = region->index(page);
  switch (region->states.get(index)) {
    case PageState::home: {
      const RemoteAddr end = region->window.end();
      const bool passed = region->info.range.contains(end) && end <= page &&
                          region->states.find(region->index(end), index, PageState::home) == index;
      return {Need::contents, region->window.next(page, region->info.range, passed)};
    }
    case PageState::zero:
      return {Need::zero, region->window.next(page, region->info.range)};
    case PageState::here:
      return {Need::present, {page, page + kPage}};
    case PageState::gone:
      break;
  }
  if (!filled_with_zeros(page)) return {Need::home, {page, page + kPage}};
  return {Need::zero, region->window.next(page, region->info.range)};
}

SinkMemory::Progress SinkMemory::look_again(RemoteAddr page) {
  const std::lock_guard lock(mutex_);
  const RemoteRange range{page, page + kPage};
  Progress progress;
  progress.next = range.end;
  const Region* region = region_at(page);
  if (region == nullptr || region->states.get(region->index(page)) != PageState::here) {
    uffd_.wake(range);  // no longer what it was: the fault comes again
    return progress;
  }
  if (region->info.file_backed) {
    // What home's file holds is not known here, so zeros would be wrong: as if it were unreadable.
    const auto there = scan_.scan(range, {.any = PageScan::kPresent | PageScan::kSwapped});
    if (there.runs.empty()) {
      Region& mine = const_cast<Region&>(*region);
      mine.states.set(mine.index(page), mine.index(page) + 1, PageState::gone);
    }
    uffd_.wake(range);
    return progress;
  }
  const auto placed = uffd_.zero(range);
  if (placed.stop == Userfaultfd::Stop::changing) {
    progress.next = page;
    progress.again = true;
  }
  progress.dead = placed.stop == Userfaultfd::Stop::dead;
  if (placed.stop == Userfaultfd::Stop::exists || placed.stop == Userfaultfd::Stop::absent) {
    uffd_.wake(range);
  }
  return progress;
}

RemoteRange SinkMemory::next_home(RemoteRange range, std::uint64_t most) const {
  const std::lock_guard lock(mutex_);
  RemoteRange found;
  const_cast<SinkMemory*>(this)->each(
      range, [&](const Region& region, std::uint64_t begin, std::uint64_t end) {
        if (!found.empty()) return;
        const std::uint64_t from = region.states.find(begin, end, PageState::home);
        if (from == end) return;
        const std::uint64_t limit = most < end - from ? from + most : end;
        found = {region.address(from),
                 region.address(region.states.find_other(from, limit, PageState::home))};
      });
  return found;
}

// The process has dropped or unmapped `range`, or moved it away.
void SinkMemory::drop(RemoteRange range) {
  each(range, [](Region& region, std::uint64_t begin, std::uint64_t end) {
    region.states.set(begin, end, PageState::gone);
  });
}

SinkMemory::Events SinkMemory::read_events() {
  const std::lock_guard lock(mutex_);
  Events events;
  std::array<uffd_msg, 32> messages;
  const std::size_t n = uffd_.read(messages);
  events.more = n == messages.size();
  for (std::size_t i = 0; i < n; ++i) {
    const auto& arg = messages[i].arg;
    switch (messages[i].event) {
      case UFFD_EVENT_PAGEFAULT:
        events.faults.push_back(RemoteAddr{arg.pagefault.address}.page());
        break;
      case UFFD_EVENT_REMOVE:
      case UFFD_EVENT_UNMAP: {
        const RemoteRange range{{arg.remove.start}, {arg.remove.end}};
        drop(range);
        if (messages[i].event == UFFD_EVENT_UNMAP) add_range(unmapped_, range);
        // Whoever waited for one of these pages may wait for nothing now: the fault comes again
        // and finds them gone, or no mapping.
        uffd_.wake(range);
        break;
      }
      case UFFD_EVENT_REMAP: {
        // The pages that are there have moved along. Where they are now no region is known, so
        // missing ones will be zero: right only if all others were there.
        const RemoteRange range{{arg.remap.from}, {arg.remap.from + arg.remap.len}};
        if (!movable(range)) events.broken = "the body moved memory whose pages are still at home";
        drop(range);
        add_range(unmapped_, range);
        if (events.broken.empty()) uffd_.wake(range);
        break;
      }
      case UFFD_EVENT_FORK:
        forks_.emplace_back(static_cast<int>(arg.fork.ufd));
        events.broken = "the body forked";
        break;
      default:
        events.broken = "an unknown event " + std::to_string(messages[i].event);
        break;
    }
  }
  return events;
}

std::vector<PageRegion> SinkMemory::regions() const {
  const std::lock_guard lock(mutex_);
  std::vector<PageRegion> all;
  for (const auto& [begin, region] : regions_) all.push_back(region.info);
  return all;
}

std::uint64_t SinkMemory::home_pages() const {
  const std::lock_guard lock(mutex_);
  return home_pages_locked();
}

std::uint64_t SinkMemory::home_pages_locked() const {
  std::uint64_t pages = 0;
  for (const auto& [begin, region] : regions_) pages += region.states.count(PageState::home);
  return pages;
}

bool SinkMemory::harmless() const {
  const std::lock_guard lock(mutex_);
  for (const auto& [begin, region] : regions_) {
    if (!movable(region.info.range)) return false;
  }
  return true;
}

RemoteRanges SinkMemory::original_locked() const {
  RemoteRanges all;
  for (const auto& [begin, region] : regions_) all.push_back(region.info.range);
  return subtract(normalise(std::move(all)), unmapped_);
}

RemoteRanges SinkMemory::original_ranges() const {
  const std::lock_guard lock(mutex_);
  return original_locked();
}

RemoteRanges SinkMemory::ranges_in(PageState state) const {
  const std::lock_guard lock(mutex_);
  RemoteRanges found;
  for (const auto& [begin, region] : regions_) {
    const std::uint64_t end = region.states.size();
    for (std::uint64_t i = 0; (i = region.states.find(i, end, state)) < end;) {
      const std::uint64_t stop = region.states.find_other(i, end, state);
      found.push_back({region.address(i), region.address(stop)});
      i = stop;
    }
  }
  found = subtract(normalise(std::move(found)), unmapped_);
  return state == PageState::gone ? subtract(found, unreadable_) : found;
}

}  // namespace starling::migrate
