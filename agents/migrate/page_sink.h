// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "agents/common/bytes.h"
#include "agents/migrate/frame_channel.h"
#include "agents/migrate/page_wire.h"
#include "agents/migrate/remote_addr.h"
#include "agents/migrate/userfaultfd.h"

namespace starling::migrate {

// Fills the memory of a body that started empty: pages are pulled when touched (demand connection)
// and all the others in the background (bulk connection). See docs/MIGRATION.md.
//
// Whatever fails, a thread of the body that needs a page which cannot be had stays blocked; it
// never finds zeros instead. The owner kills the body when told by on_failure.
//
// Order of calls: constructor, add_region() for all, install() for the first batch, start(); then
// the body may run. All of it may be called from any thread; callbacks come from the sink's own
// threads and must not call ensure(), stop() or the destructor (tell another thread to).
class PageSink {
 public:
  struct Options {
    bool background = true;                // pull what nobody asked for, too
    unsigned in_flight = 4;                // bulk requests at a time
    std::uint32_t bulk_data = 512 * 1024;  // bytes of contents the answers to each may have
  };
  struct Callbacks {
    // A source was lost or sent nonsense with pages outstanding, or the body did what makes its
    // memory unknowable here. Once at most. The body has to be killed.
    std::function<void(const std::string& reason)> on_failure;
    // A thread waits for a page that only the process at home can have: contents of a file that the
    // process dropped with MADV_DONTNEED, or a page whose touch is SIGBUS at home. It stays blocked
    // in the page fault (interruptible by ptrace and signals): stop the body and take it home.
    std::function<void(RemoteAddr address)> on_home_needed;
  };
  struct Stats {
    std::uint64_t faults = 0;           // messages of faults read
    std::uint64_t pulled_pages = 0;     // placed by the demand connection
    std::uint64_t pushed_pages = 0;     // placed by the bulk connection
    std::uint64_t zeroed_pages = 0;     // the zero page was mapped
    std::uint64_t installed_pages = 0;  // by install()
    std::uint64_t stall_ns = 0;         // sum over faults from reading it to its page being placed
    std::uint64_t home_pages = 0;       // still only at the source
  };

  // `uffd` has had its handshake; nothing is registered yet. `body` is not reaped by anyone before
  // the sink's end. `bulk` may be null: then there is no background.
  PageSink(Userfaultfd uffd, pid_t body, std::unique_ptr<FrameChannel> demand,
           std::unique_ptr<FrameChannel> bulk, Callbacks callbacks, Options options);
  PageSink(Userfaultfd uffd, pid_t body, std::unique_ptr<FrameChannel> demand,
           std::unique_ptr<FrameChannel> bulk, Callbacks callbacks);
  PageSink(const PageSink&) = delete;
  PageSink& operator=(const PageSink&) = delete;
  // stop(), and kills the body if it could run on into missing pages.
  ~PageSink();

  // Registers `range` with the userfaultfd: anonymous private memory of the body without a page in
  // it, also where the original was a private mapping of a file. Throws std::system_error,
  // std::invalid_argument when it overlaps a region there is.
  void add_region(RemoteRange range, bool file_backed);
  // Places pages that came with the state. `data` is whole pages within one region. A page that is
  // there already is left. Throws std::invalid_argument, std::system_error.
  void install(RemoteAddr address, Bytes data);
  // The body may run from now on.
  void start();

  // Pulls what of `range` is only at the source and waits for it: before mremap(2). false when
  // the source is lost, the body is dead or stop() came: the pages are not there then. Not needed
  // for reading the body with process_vm_readv(2), which waits for missing pages as the body
  // itself does; /proc/PID/mem and ptrace(2) do not, they answer EIO. After start().
  [[nodiscard]] bool ensure(RemoteRange range);
  // Forgets `range` (after ensure(): throws std::logic_error when a page of it is still at the
  // source) and takes it from the userfaultfd: no faults, no events, no dirty tracking any more.
  void unregister(RemoteRange range);

  // Nothing remains at the source: the process is independent of it.
  bool complete() const;
  // Waits until complete(); false when the time is over or it can no longer become true.
  bool wait_complete(std::chrono::milliseconds timeout);
  // The reason given to on_failure; empty when nothing failed.
  std::string failure() const;

  // Whether the kernel notes which pages are written (page_scan.h).
  bool tracks_writes() const;
  // Parts of the regions still mapped as they were added (not unmapped, moved or unregistered).
  RemoteRanges original_ranges() const;
  // Parts of original_ranges() that the process dropped (MADV_DONTNEED, MADV_REMOVE) while away.
  // What it wrote there later is found by written().
  RemoteRanges gone_ranges() const;
  // Parts of original_ranges() that never left home.
  RemoteRanges home_ranges() const;
  Stats stats() const;

  // Ends both threads. The body keeps its descriptor: its faults block from then on, which holds it
  // still. For coming home, after the body was stopped.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace starling::migrate
