// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <system_error>

#include "agents/common/fail.h"
#include "agents/migrate/page_source.h"

namespace starling::migrate {

static constexpr PageScan::Query kContents{
    .any = PageScan::kPresent | PageScan::kSwapped, .all = 0, .without = PageScan::kZero};

PageReader::PageReader(pid_t pid, std::vector<PageRegion> regions)
    : pid_(pid), regions_(std::move(regions)), scan_(pid), data_(PageRequest::kMaxData) {
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd_) fail_errno("pidfd_open of process " + std::to_string(pid));
  const std::string path = "/proc/" + std::to_string(pid) + "/mem";
  mem_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!mem_) fail_errno(path);
}

void PageReader::check_alive() const {
  pollfd p{pidfd_.get(), POLLIN, 0};
  if (::poll(&p, 1, 0) != 0) {
    throw std::system_error(ESRCH, std::generic_category(), "process " + std::to_string(pid_));
  }
}

// A dying process has no pages either, some time before anyone is told of its death: its memory is
// given back first, and the OOM killer does not even wait for it to notice. So one page said to be
// zero is touched, after all were looked at: in memory that is or was being taken away that fails
// (mm_users and MMF_UNSTABLE are what the kernel looks at), and neither ever returns.
void PageReader::check_zeros(const PageAnswer& answer) const {
  RemoteAddr at = answer.begin;
  for (const PageRun& run : answer.runs) {
    if (run.kind == PageRun::Kind::zero) {
      std::uint8_t byte = 0;
      const ssize_t n = ::pread(mem_.get(), &byte, 1, static_cast<off_t>(at.value));
      if (n == 1 && byte == 0) return;
      throw std::system_error(n < 0 ? errno : ESRCH, std::generic_category(),
                              "memory of process " + std::to_string(pid_) + " is vanishing");
    }
    at = at + run.pages * kPage;
  }
}

std::uint64_t PageReader::room(const PageAnswer& answer, std::uint64_t max_data) const {
  if (answer.runs.size() + 2 > PageAnswer::kMaxRuns) return 0;
  return max_data - std::min<std::uint64_t>(max_data, used_);
}

void PageReader::add(PageAnswer& answer, PageRun::Kind kind, std::uint64_t pages) const {
  if (pages == 0) return;
  if (!answer.runs.empty() && answer.runs.back().kind == kind) {
    answer.runs.back().pages += pages;
  } else {
    answer.runs.push_back({kind, pages});
  }
}

// process_vm_readv(2) reads many pages at a time but not what is PROT_NONE; /proc/PID/mem reads
// that too, page by page. What neither reads is SIGBUS.
void PageReader::add_data(PageAnswer& answer, RemoteRange range) {
  while (!range.empty()) {
    std::uint8_t* to = data_.data() + used_;
    iovec local{to, range.size()};
    iovec remote{reinterpret_cast<void*>(range.begin.value), range.size()};
    ssize_t n = ::process_vm_readv(pid_, &local, 1, &remote, 1, 0);
    if (n < 0 && errno != EFAULT)
      fail_errno("reading the memory of process " + std::to_string(pid_));
    std::uint64_t pages = n < 0 ? 0 : static_cast<std::uint64_t>(n) / kPage;
    if (pages == 0) {
      n = ::pread(mem_.get(), to, kPage, static_cast<off_t>(range.begin.value));
      if (n < 0 && errno != EIO) fail_errno("/proc/" + std::to_string(pid_) + "/mem");
      if (n == 0) check_alive();  // as of a process without memory
      pages = n == static_cast<ssize_t>(kPage) ? 1 : 0;
    }
    if (pages == 0) {
      if (room(answer, PageRequest::kMaxData) == 0) return;
      add(answer, PageRun::Kind::unreadable, 1);
      range.begin = range.begin + kPage;
      continue;
    }
    add(answer, PageRun::Kind::data, pages);
    used_ += pages * kPage;
    range.begin = range.begin + pages * kPage;
  }
}

// Pages that are neither in memory nor swapped out were never written: only of anonymous memory
// is that so.
void PageReader::add_anonymous(PageAnswer& answer, RemoteRange range, std::uint64_t max_data) {
  while (!range.empty()) {
    const std::uint64_t space = room(answer, max_data);
    if (space == 0) return;
    const auto step = scan_.scan(range, kContents, space / kPage);
    for (const auto& run : step.runs) {
      if (room(answer, max_data) == 0) return;
      add(answer, PageRun::Kind::zero, (run.range.begin - range.begin) / kPage);
      add_data(answer, run.range);
      range.begin = run.range.end;
    }
    add(answer, PageRun::Kind::zero, (step.next - range.begin) / kPage);
    range.begin = step.next;
  }
}

PageAnswer PageReader::answer(const PageRequest& request) {
  PageAnswer answer;
  answer.begin = request.range.begin;
  used_ = 0;
  const bool exact = request.kind == PageRequest::Kind::exact;
  const std::uint64_t max_data = exact ? PageRequest::kMaxData : request.max_data;
  RemoteAddr at = request.range.begin;
  auto region = std::upper_bound(regions_.begin(), regions_.end(), at,
                                 [](RemoteAddr a, const PageRegion& r) { return a < r.range.end; });
  while (at < request.range.end && room(answer, max_data) > 0) {
    const RemoteAddr known =
        region == regions_.end() ? request.range.end : std::max(at, region->range.begin);
    if (at < known) {
      const RemoteAddr end = std::min(known, request.range.end);
      add(answer, PageRun::Kind::unreadable, (end - at) / kPage);
      at = end;
      continue;
    }
    RemoteRange part{at, std::min(region->range.end, request.range.end)};
    if (region->file_backed) {
      part.end = std::min(part.end, at + room(answer, max_data));
      add_data(answer, part);
    } else {
      add_anonymous(answer, part, max_data);
    }
    at = answer.covered().end;
    // Reading what cannot be read takes time and fills no answer: not too much of it at once.
    if (!exact && region->file_backed) break;
    if (at >= region->range.end) ++region;
  }
  check_zeros(answer);
  check_alive();  // or the pid might have been another process's while it was read
  if (exact && at != request.range.end) {
    throw std::system_error(E2BIG, std::generic_category(), "a page request in too many pieces");
  }
  answer.data = Bytes(data_).first(used_);
  return answer;
}

}  // namespace starling::migrate
