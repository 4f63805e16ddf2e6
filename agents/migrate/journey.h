// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agents/migrate/connector.h"
#include "agents/migrate/deputy_calls.h"
#include "agents/migrate/deputy_signals.h"
#include "agents/migrate/frame_channel.h"
#include "agents/migrate/homecoming.h"
#include "agents/migrate/page_source.h"
#include "agents/migrate/returned_pages.h"
#include "agents/migrate/scratch.h"
#include "agents/migrate/state.pb.h"
#include "agents/migrate/tracee.h"

namespace starling::migrate {

// What one journey cost; for statistics.
struct JourneyStats {
  std::int64_t freeze_ns = 0;         // going out: from the stop to the commit
  std::int64_t return_freeze_ns = 0;  // coming home: from the stop of the body on
  std::uint64_t calls = 0;
  std::uint64_t pages_served = 0;  // by home, with contents
  std::uint64_t pages_returned = 0;
  std::uint64_t pages_ahead = 0;  // of those: while the body still ran
  std::uint64_t state_bytes = 0;
};

// One stay of a process on another node, seen from home; docs/MIGRATION.md has the states.
// All members are called from the thread that made it: the kernel knows a tracer by its thread.
class Journey {
 public:
  enum class End {
    still_away,
    home,   // the process runs at home
    ended,  // it ended, with the status its parent was to get
    lost,   // the guest was lost: the process was ended as if killed
  };

  Journey(pid_t pid, std::uint32_t home_node, const Connector& connector);
  ~Journey();
  Journey(const Journey&) = delete;

  // Takes the process to the guest. When it returns, the process computes there; when it throws
  // (StaysHome, ProcessGone, StreamClosed, std::system_error …) the process runs at home as if
  // nothing had been tried.
  void depart(const NodeAddress& guest);

  // Handles what there is to handle without blocking: messages when the connection is `readable`,
  // what waitpid(2) has when there are `reports`. Call every kTick at the latest.
  static constexpr int kTickMs = 200;
  End serve(bool readable, bool reports);
  // For poll(2); -1 when it is over.
  int connection() const { return channel_ ? channel_->fd() : -1; }

  // Starts to bring the process home: what it wrote comes while it still runs, then it is stopped
  // and the rest comes; serve() tells when it is there, or that it is lost.
  void bring_home();
  // Why the guest sent it home by itself; empty when it did not.
  const std::string& home_reason() const { return home_reason_; }
  // The node to which the guest was asked to let it go; 0: none.
  std::uint32_t onward() const { return onward_; }
  // Why End::lost.
  const std::string& loss() const { return loss_; }
  JourneyStats stats() const;

 private:
  void open_connections(const NodeAddress& guest, const pb::Hello& hello);
  void capture_and_send();
  void release_if_whole();
  void roll_back() noexcept;
  void commit();
  void on_frame(const Frame& frame);
  void start_call(ForwardedCall call);
  void on_report(pid_t tid, int status);
  void take_ahead(const Frame& frame);
  void stop_body();
  void come_home(const Frame& frame);
  void finish(End end);
  Frame await_frame(int patience_ms);

  pid_t pid_;
  std::uint32_t home_node_;
  const Connector& connector_;
  std::optional<Tracee> tracee_;
  std::optional<Scratch> scratch_;
  std::optional<pb::ProcessState> state_;  // until the commit
  std::optional<DeputySignals> signals_;
  std::optional<DeputyCalls> calls_;
  std::unique_ptr<FrameChannel> channel_;
  std::unique_ptr<FrameChannel> demand_;
  std::unique_ptr<FrameChannel> bulk_;
  std::optional<PageSource> pages_;
  RemoteAddr scratch_at_;
  End end_ = End::still_away;
  std::optional<ReturnedPages> returned_;  // from kPrepareHome on
  std::uint32_t taken_ = 0;                // bytes the guest was not told of
  std::int64_t preparing_since_ = 0;
  bool returning_ = false;
  std::int64_t returning_since_ = 0;
  std::int64_t last_tick_ = 0;
  std::string home_reason_;
  std::uint32_t onward_ = 0;
  std::string loss_;
  JourneyStats stats_;
};

}  // namespace starling::migrate
