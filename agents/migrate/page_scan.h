// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "agents/common/unique_fd.h"
#include "agents/migrate/remote_addr.h"

namespace starling::migrate {

// What the page tables of a process say about its pages, without touching one. By the ioctl
// PAGEMAP_SCAN (Linux 6.7, Documentation/admin-guide/mm/pagemap.rst), or where the kernel lacks it
// by reading /proc/PID/pagemap, which costs 8 bytes a page and knows less.
// Not for two threads at once.
class PageScan {
 public:
  enum Category : std::uint64_t {  // as PAGE_IS_* of linux/fs.h
    kWritten = 1 << 1,  // since it was placed by UFFDIO_COPY; needs Userfaultfd::tracks_writes()
    kFile = 1 << 2,     // the page cache's or shared
    kPresent = 1 << 3,
    kSwapped = 1 << 4,
    kZero = 1 << 5,  // the kernel's page of zeros
  };
  enum class Method { best, pagemap_file };

  // Throws std::system_error (ENOENT, ESRCH: the process is gone; EACCES).
  explicit PageScan(pid_t pid, Method method = Method::best);

  // Whether kWritten and kZero are known. If not, every page is taken for written and not zero.
  bool exact() const { return exact_; }

  struct Run {
    RemoteRange range;
    std::uint64_t categories = 0;
  };
  struct Step {
    std::vector<Run> runs;  // pages of which something is to be said; sorted
    RemoteAddr next;        // all before this is told of; range.end when the whole was scanned
  };
  // Which pages: with any category of `any` (0: whatever they have), all of `all`, none of
  // `without`.
  struct Query {
    std::uint64_t any = 0;
    std::uint64_t all = 0;
    std::uint64_t without = 0;
  };
  // Those pages of `range`, about `max_pages` at most: call again from `next`.
  Step scan(RemoteRange range, const Query& query, std::uint64_t max_pages = ~std::uint64_t{0});

  // The same, and from now on what is written to the pages told counts as written again, in one
  // step. Only where writes are tracked; other mappings in `range` are passed over. Needs exact().
  Step take_written(RemoteRange range, const Query& query, std::uint64_t max_pages);

  // The same over all of `ranges`, joined, categories dropped.
  RemoteRanges find(const RemoteRanges& ranges, const Query& query);

 private:
  Step scan_tables(RemoteRange range, const Query& query, std::uint64_t max_pages,
                   std::uint64_t flags);
  Step scan_file(RemoteRange range, const Query& query, std::uint64_t max_pages);

  UniqueFd pagemap_;
  bool exact_ = true;
  std::vector<std::uint64_t> buffer_;
};

// Pages within `ranges` that differ from what was placed there: the dirty pages of a body. A page
// that was never placed but is there (fresh memory) counts; a page of zeros nobody wrote to does
// not. Without WP_ASYNC: all pages that are there, which is always safe.
RemoteRanges written(pid_t pid, const RemoteRanges& ranges);
// Pages within `ranges` that have contents of their own: present or swapped, not the zero page.
RemoteRanges present(pid_t pid, const RemoteRanges& ranges);

}  // namespace starling::migrate
