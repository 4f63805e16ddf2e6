// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "agents/migrate/frame_channel.h"
#include "agents/migrate/page_scan.h"
#include "agents/migrate/page_sink.h"
#include "agents/migrate/tracee.h"

namespace starling::migrate {

// Sends home what the body wrote, while it runs: over and over the pages that were written since
// they were sent last, until so few are left that stopping the body for them takes no time worth
// mentioning. Each page is first protected again and then read, in this order, so that what is
// written afterwards counts as written (PAGEMAP_SCAN, PM_SCAN_WP_MATCHING; userfaultfd WP_ASYNC).
//
// Only of memory that came from home: the deputy maps it. The pages go over the control connection,
// in one order with the forwarded calls, by the thread that forwards those: so home never puts an
// older page over the buffer of a newer call.
class PreCopy {
 public:
  // `tracee` is the body. Throws std::system_error when it is gone.
  PreCopy(const Tracee& tracee, const PageSink& sink, FrameChannel& control);

  // Does a little of the work, without waiting for anybody. Call again while it is ready().
  void step();
  // Home has taken that many bytes.
  void taken(std::uint64_t bytes);

  // A step could send something now.
  bool ready() const { return !done_ && sent_ - taken_ < kWindow; }
  // No more is to be gained by it; the body may be stopped.
  bool done() const { return done_; }
  // The body writes faster than can be sent: it is to be paused most of the time (body_away.h).
  bool outrun() const { return vain_ >= kMostVain; }
  std::uint64_t sent() const { return sent_; }

 private:
  void end_round();
  void send(RemoteRange range);

  // Far less than the control connection's buffer: sending never waits for home, which may at the
  // same time wait to send a result here.
  static constexpr std::uint64_t kWindow = 4 * 1024 * 1024;
  static constexpr std::uint64_t kStepPages = 64;
  static constexpr std::uint64_t kFewPages = 256;  // sent in 2 to 3 ms
  static constexpr int kMostRounds = 2000;
  static constexpr int kMostVain = 2;  // rounds that found hardly less than the one before

  const Tracee& tracee_;
  FrameChannel& control_;
  PageScan scan_;
  RemoteRanges ranges_;
  std::size_t range_ = 0;  // the round has come to `at_` in this range
  RemoteAddr at_;
  std::uint64_t round_pages_ = 0;
  std::uint64_t last_pages_ = ~std::uint64_t{0};
  int rounds_ = 0;
  int vain_ = 0;
  bool done_ = false;
  std::uint64_t sent_ = 0;
  std::uint64_t taken_ = 0;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace starling::migrate
