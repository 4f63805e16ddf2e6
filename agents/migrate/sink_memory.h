// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agents/common/bytes.h"
#include "agents/common/unique_fd.h"
#include "agents/migrate/fair_mutex.h"
#include "agents/migrate/fault_window.h"
#include "agents/migrate/page_scan.h"
#include "agents/migrate/page_states.h"
#include "agents/migrate/page_wire.h"
#include "agents/migrate/userfaultfd.h"

namespace starling::migrate {

// The body's memory as the page sink sees it: which page is where, and every change of it. Its
// calls may come from any thread, except those of one thread that serves faults.
//
// Why a page that the process dropped never comes back with its old contents: madvise, munmap and
// mremap of registered memory post an event and wait until it has been read. From before the event
// until its cause goes on, the kernel refuses to place pages (Stop::changing). Here, reading the
// events and noting the dropped pages is one step under the lock, and so is looking at a page's
// state and placing it. So a page is placed either before the event was posted: then what follows
// the event drops it, and it is noted as gone; or after the event was read: then its state is
// gone and it is not placed. In between, the kernel refuses. (For munmap and mremap the mapping is
// gone before the event is posted: Stop::absent or Stop::changing.) A state never goes back.
class SinkMemory {
 public:
  SinkMemory(Userfaultfd uffd, pid_t body);

  int fd() const { return uffd_.fd(); }
  bool tracks_writes() const { return uffd_.tracks_writes(); }

  void add_region(RemoteRange range, bool file_backed);
  void unregister(RemoteRange range);

  // How far an attempt to place pages came.
  struct Progress {
    RemoteAddr next;           // all before is done
    bool again = false;        // from `next`, after the events were read
    bool dead = false;         // the body has no memory any more
    std::uint64_t placed = 0;  // pages that were not there before
  };
  // Places those pages of `data` that are only at home, a piece at a time.
  Progress place(RemoteAddr at, Bytes data);
  // Notes that the source has nothing in `range`.
  void mark_zero(RemoteRange range);
  // Who waits in `range` tries again.
  void wake(RemoteRange range);
  // Notes that the source cannot read `range`; who waits there tries again (to be told
  // "elsewhere").
  void mark_unreadable(RemoteRange range);
  // Maps the page of zeros in those pages of `range` that are known to hold zeros and are missing.
  Progress fill_zero(RemoteRange range);

  // The rest is for the thread that serves faults.

  enum class Need {
    contents,  // the page is at home: `window` to be asked for
    zero,      // fill_zero(window), the page itself first
    present,   // the page is there
    home,      // only the process at home can have it
  };
  struct Answer {
    Need need = Need::present;
    RemoteRange window;
  };
  Answer look(RemoteAddr page);
  // A fault on a page that was placed: a message read late, or the kernel took the page back
  // (MADV_FREE). Maps zeros in the second case, which only anonymous memory can be in.
  Progress look_again(RemoteAddr page);
  // The front part of `range` that is only at home, from its first such page on, `most` pages long
  // at most; empty when there is none.
  RemoteRange next_home(RemoteRange range, std::uint64_t most) const;

  struct Events {
    std::vector<RemoteAddr> faults;  // pages
    bool more = false;               // there may be more to read
    std::string broken;  // what the body did that cannot be served; empty when all is well
  };
  // Reads what is there without blocking.
  Events read_events();

  // Any thread again.
  std::vector<PageRegion> regions() const;
  std::uint64_t home_pages() const;
  // Every missing page is known to be zero: closing the userfaultfd would do no harm.
  bool harmless() const;
  RemoteRanges original_ranges() const;
  RemoteRanges ranges_in(PageState state) const;

 private:
  struct Region {
    PageRegion info;
    PageStates states;
    FaultWindow window;

    std::uint64_t index(RemoteAddr a) const { return (a - info.range.begin) / kPage; }
    RemoteAddr address(std::uint64_t page) const { return info.range.begin + page * kPage; }
  };

  Region* region_at(RemoteAddr page);
  const Region* region_at(RemoteAddr page) const;
  bool filled_with_zeros(RemoteAddr page) const;
  RemoteRange unknown_around(RemoteAddr page) const;
  std::uint64_t home_pages_locked() const;
  RemoteRanges original_locked() const;
  void drop(RemoteRange range);
  bool movable(RemoteRange range) const;
  Progress zero_locked(RemoteRange range);
  // Calls `f(region, begin, end)` with indices for each region that `range` touches.
  template <typename F>
  void each(RemoteRange range, F&& f);

  mutable FairMutex mutex_;  // guards all below
  Userfaultfd uffd_;
  PageScan scan_;
  std::map<std::uint64_t, Region> regions_;  // by begin
  RemoteRanges unmapped_;  // of regions: what is mapped there now, if anything, is not ours
  RemoteRanges unreadable_;
  FaultWindow growth_;           // of stacks, and other memory that no region knows
  std::vector<UniqueFd> forks_;  // held open, or the child would find zeros
};

// Adds to sorted, disjoint ranges, joining what touches.
void add_range(RemoteRanges& ranges, RemoteRange range);

}  // namespace starling::migrate
