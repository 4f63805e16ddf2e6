// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/userfaultfd.h>

#include <cstdint>
#include <span>

#include "agents/common/bytes.h"
#include "agents/common/unique_fd.h"
#include "agents/migrate/remote_addr.h"

namespace starling::migrate {

// One userfaultfd and the address space it belongs to, which need not be this process's: the
// moved process's is made inside the body and fetched with pidfd_getfd(2). All addresses are the
// body's. userfaultfd(2), ioctl_userfaultfd(2), Documentation/admin-guide/mm/userfaultfd.rst.
//
// Closing the LAST copy of the descriptor makes every missing page a silent zero: keep one open in
// the body for as long as pages are missing.
//
// copy(), zero(), wake() may be called by several threads at once; read() by one.
class Userfaultfd {
 public:
  // Takes a descriptor no handshake was made on yet, and makes it non-blocking (poll(2) reports
  // an error on a blocking one).
  explicit Userfaultfd(UniqueFd fd);
  // A new one of this process: for tests and probes. Throws std::system_error; EPERM without
  // CAP_SYS_PTRACE.
  static Userfaultfd open();

  // UFFDIO_API. Asks for the events of fork, mremap, madvise and munmap, without which a page could
  // become a silent zero, and for tracking of writes where the kernel has it (Linux 6.7). To be
  // called once, before anything below. Throws std::system_error.
  void handshake();
  // UFFD_FEATURE_* agreed on.
  std::uint64_t features() const { return features_; }
  // Ranges registered from now on have their written pages noted (WP_ASYNC); page_scan.h reads it.
  bool tracks_writes() const;

  int fd() const { return fd_.get(); }

  // MISSING, and WP when tracks_writes(). The range may span several VMAs, all anonymous and
  // private. Throws std::system_error.
  void register_range(RemoteRange range);
  void unregister_range(RemoteRange range);
  // Lets threads waiting in `range` try again.
  void wake(RemoteRange range);

  enum class Stop {
    none,      // all was placed
    exists,    // the next page is there already
    changing,  // an event waits to be read, or its cause has not gone on yet: read(), then again
    absent,    // the next page is not in a registered mapping
    dead,      // the process has no memory any more
  };
  struct Placed {
    std::uint64_t bytes = 0;  // from the front; whole pages
    Stop stop = Stop::none;
  };
  // Places whole pages and wakes who waits for them; what is placed counts as not written. Goes
  // over borders of VMAs. `data` is this process's memory. Throws std::system_error for all that
  // Stop does not name (ENOMEM).
  Placed copy(RemoteAddr to, Bytes data);
  // Maps the page of zeros. It counts as not written through PAGE_IS_PFNZERO, see page_scan.h.
  Placed zero(RemoteRange range);

  // Messages that are there, without blocking; how many. Whoever caused an event other than a
  // fault goes on when it has been read. The descriptor in an event of fork is the caller's.
  std::size_t read(std::span<uffd_msg> messages);

 private:
  UniqueFd fd_;
  std::uint64_t features_ = 0;
};

}  // namespace starling::migrate
