// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/deputy_layout.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <vector>

#include "agents/migrate/process_maps.h"

namespace starling::migrate {

DeputyLayout::DeputyLayout(const Tracee& tracee, Scratch& scratch) : scratch_(scratch) {
  for (const Mapping& m : read_maps(tracee.pid())) regions_[m.range.begin] = {m.range.end, m.prot};
}

bool DeputyLayout::map(pid_t tid, RemoteRange range) {
  const auto at = scratch_.call(tid, SYS_mmap,
                                {range.begin.value, range.size(), PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, ~0ULL, 0});
  if (at != static_cast<std::int64_t>(range.begin.value)) return false;
  regions_[range.begin] = {range.end, PROT_READ | PROT_WRITE};
  return true;
}

bool DeputyLayout::protect(pid_t tid, RemoteRange range, int prot) {
  return scratch_.call(tid, SYS_mprotect,
                       {range.begin.value, range.size(), static_cast<std::uint64_t>(prot)}) == 0;
}

bool DeputyLayout::ready(RemoteRange range, bool write) const {
  if (range.empty()) return true;
  const int wanted = PROT_READ | (write ? PROT_WRITE : 0);
  RemoteAddr at = range.begin.page();
  auto region = regions_.upper_bound(at);
  if (region != regions_.begin()) --region;
  for (; at < range.end; ++region) {
    if (region == regions_.end() || region->first > at) return false;
    const auto& r = region->second;
    if (r.end <= at) continue;
    if ((r.prot & wanted) != wanted) return false;
    at = r.end;
  }
  return true;
}

bool DeputyLayout::prepare(pid_t tid, RemoteRange range, bool write) {
  if (range.empty()) return true;
  range = {range.begin.page(), RemoteAddr{(range.end.value + kPage - 1) & ~(kPage - 1)}};
  const int wanted = PROT_READ | (write ? PROT_WRITE : 0);
  std::vector<RemoteRange> holes;
  RemoteAddr at = range.begin;
  auto region = regions_.upper_bound(at);
  if (region != regions_.begin()) --region;
  for (; at < range.end && region != regions_.end(); ++region) {
    auto& [begin, r] = *region;
    if (r.end <= at) continue;
    if (begin >= range.end) break;
    if (begin > at) holes.push_back({at, begin});
    if ((r.prot & wanted) != wanted) {
      // The whole region at once: what the process made of it is compared when it comes home.
      if (!protect(tid, {begin, r.end}, r.prot | wanted)) return false;
      r.prot |= wanted;
    }
    at = r.end;
  }
  if (at < range.end) holes.push_back({at, range.end});
  return std::all_of(holes.begin(), holes.end(),
                     [&](const RemoteRange& hole) { return map(tid, hole); });
}

}  // namespace starling::migrate
