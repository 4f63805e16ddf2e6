// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/page_scan.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

#include "agents/common/fail.h"

namespace starling::migrate {
namespace {

// struct page_region and struct pm_scan_arg of linux/fs.h, which Debian 12's headers do not have.
struct KernelRegion {
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t categories;
};
struct KernelScan {
  std::uint64_t size;
  std::uint64_t flags;
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t walk_end;
  std::uint64_t vec;
  std::uint64_t vec_len;
  std::uint64_t max_pages;
  std::uint64_t category_inverted;
  std::uint64_t category_mask;
  std::uint64_t category_anyof_mask;
  std::uint64_t return_mask;
};
constexpr unsigned long kPagemapScan = _IOWR('f', 16, KernelScan);

constexpr std::uint64_t kProtectMatching = 1 << 0;  // PM_SCAN_WP_MATCHING

constexpr std::size_t kRuns = 512;       // per call
constexpr std::size_t kEntries = 65536;  // of /proc/PID/pagemap per read

// One entry of /proc/PID/pagemap as categories.
std::uint64_t categories_of(std::uint64_t entry) {
  std::uint64_t categories = 0;
  if (entry >> 63 & 1) categories |= PageScan::kPresent;
  if (entry >> 62 & 1) categories |= PageScan::kSwapped;
  if (entry >> 61 & 1) categories |= PageScan::kFile;
  if (categories & (PageScan::kPresent | PageScan::kSwapped)) categories |= PageScan::kWritten;
  return categories;
}

}  // namespace

PageScan::PageScan(pid_t pid, Method method) {
  const std::string path = "/proc/" + std::to_string(pid) + "/pagemap";
  pagemap_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!pagemap_) fail_errno(path);
  KernelScan probe{};
  probe.size = sizeof probe;
  exact_ = method == Method::best &&
           (::ioctl(pagemap_.get(), kPagemapScan, &probe) >= 0 || errno != ENOTTY);
}

PageScan::Step PageScan::scan(RemoteRange range, const Query& query, std::uint64_t max_pages) {
  if (range.empty()) return {{}, range.end};
  return exact_ ? scan_tables(range, query, max_pages, 0) : scan_file(range, query, max_pages);
}

// Without PM_SCAN_CHECK_WPASYNC: a walk that ends with an error tells nothing of the pages it had
// already protected.
PageScan::Step PageScan::take_written(RemoteRange range, const Query& query,
                                      std::uint64_t max_pages) {
  if (range.empty()) return {{}, range.end};
  return scan_tables(range, query, max_pages, kProtectMatching);
}

PageScan::Step PageScan::scan_tables(RemoteRange range, const Query& query, std::uint64_t max_pages,
                                     std::uint64_t flags) {
  std::array<KernelRegion, kRuns> regions;
  KernelScan arg{};
  arg.size = sizeof arg;
  arg.flags = flags;
  arg.start = range.begin.value;
  arg.end = range.end.value;
  arg.vec = reinterpret_cast<std::uintptr_t>(regions.data());
  arg.vec_len = regions.size();
  arg.max_pages = max_pages == ~std::uint64_t{0} ? 0 : max_pages;
  arg.category_inverted = query.without;
  arg.category_mask = query.all | query.without;
  arg.category_anyof_mask = query.any;
  arg.return_mask = query.any | query.all;
  const int n = ::ioctl(pagemap_.get(), kPagemapScan, &arg);
  if (n < 0) fail_errno("PAGEMAP_SCAN");
  Step step;
  step.next.value = std::min(arg.walk_end, range.end.value);
  step.runs.reserve(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) {
    const KernelRegion& r = regions[static_cast<std::size_t>(i)];
    step.runs.push_back({{{r.start}, {r.end}}, r.categories});
  }
  return step;
}

PageScan::Step PageScan::scan_file(RemoteRange range, const Query& query, std::uint64_t max_pages) {
  Step step;
  step.next = range.begin;
  const std::uint64_t told = query.any | query.all;
  std::uint64_t found = 0;
  while (step.next < range.end) {
    const std::uint64_t want = std::min<std::uint64_t>((range.end - step.next) / kPage, kEntries);
    buffer_.resize(kEntries);
    const ssize_t n = ::pread(pagemap_.get(), buffer_.data(), want * sizeof(std::uint64_t),
                              static_cast<off_t>(step.next.value / kPage * sizeof(std::uint64_t)));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno("/proc/PID/pagemap");
    const auto entries = static_cast<std::size_t>(n) / sizeof(std::uint64_t);
    if (entries == 0) {  // beyond the end of the address space, or the process has died
      step.next = range.end;
      break;
    }
    for (std::size_t i = 0; i < entries; ++i) {
      const std::uint64_t categories = categories_of(buffer_[i]);
      if ((query.any != 0 && (categories & query.any) == 0) ||
          (categories & query.all) != query.all || (categories & query.without) != 0) {
        step.next = step.next + kPage;
        continue;
      }
      const bool joins = !step.runs.empty() && step.runs.back().range.end == step.next &&
                         step.runs.back().categories == (categories & told);
      if (found == max_pages || (!joins && step.runs.size() == kRuns)) return step;
      if (joins) {
        step.runs.back().range.end = step.next + kPage;
      } else {
        step.runs.push_back({{step.next, step.next + kPage}, categories & told});
      }
      ++found;
      step.next = step.next + kPage;
    }
  }
  return step;
}

RemoteRanges PageScan::find(const RemoteRanges& ranges, const Query& query) {
  RemoteRanges found;
  for (RemoteRange range : ranges) {
    while (!range.empty()) {
      const Step step = scan(range, query);
      for (const Run& run : step.runs) {
        if (!found.empty() && found.back().end == run.range.begin) {
          found.back().end = run.range.end;
        } else {
          found.push_back(run.range);
        }
      }
      range.begin = step.next;
    }
  }
  return found;
}

// A page that is not there counts as written for the kernel, having never been protected.
RemoteRanges written(pid_t pid, const RemoteRanges& ranges) {
  return PageScan(pid).find(ranges, {.any = PageScan::kPresent | PageScan::kSwapped,
                                     .all = PageScan::kWritten,
                                     .without = PageScan::kZero});
}

RemoteRanges present(pid_t pid, const RemoteRanges& ranges) {
  return PageScan(pid).find(
      ranges,
      {.any = PageScan::kPresent | PageScan::kSwapped, .all = 0, .without = PageScan::kZero});
}

}  // namespace starling::migrate
