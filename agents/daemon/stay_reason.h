// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "agents/common/event_loop.h"
#include "agents/daemon/helper_spawn.h"

namespace starling::daemon {

// One run of "starling-deputy --pid PID --check --json": whether a process could move, or in one sentence
// why not. Ended by force when it takes longer than kPatience.
class StayReason {
 public:
  static constexpr TimeNs kPatience = 5 * kSecond;

  struct Result {
    bool known = false;  // the check itself worked
    bool can_move = false;
    std::string why;  // why it cannot move, or why that is not known
  };
  // Called once from the loop; may not destroy this object.
  using Done = std::function<void(const Result&)>;

  // Throws std::system_error when the program cannot be started.
  StayReason(EventLoop& loop, const std::filesystem::path& program, pid_t pid, Done done);
  ~StayReason();
  StayReason(const StayReason&) = delete;
  StayReason& operator=(const StayReason&) = delete;

  void expire(TimeNs now);
  bool over() const { return over_; }

 private:
  void read_output();
  void on_end();

  EventLoop& loop_;
  Done done_;
  const TimeNs deadline_ = monotonic_ns() + kPatience;
  UniqueFd output_;
  Spawned child_;
  std::string text_;
  bool over_ = false;
};

}  // namespace starling::daemon
