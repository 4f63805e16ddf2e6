// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>

#include "agents/common/clock.h"
#include "agents/common/unique_fd.h"

namespace starling::migrate {

// Whether to watch a word of shared memory before sleeping on it, in rounds of the CPU's pause
// instruction. Waking a sleeper on an idle CPU takes tens of microseconds, a watcher sees a change
// at once; but where there is no idle CPU it keeps from running whom it waits for. So: only while a
// CPU is idle anyway and calls come close after each other, and of the ways to wait the one that
// was the quickest when all were tried a moment ago.
class SpinBudget {
 public:
  static constexpr TimeNs kWatch = 50'000;    // for a call's end
  static constexpr TimeNs kLinger = 120'000;  // for the next call
  // Calls that come farther apart are slept for.
  static constexpr TimeNs kClose = 150'000;

  // `loadavg` is a file like proc_loadavg(5), `cpus` how many there are; 0: as many as can be used.
  explicit SpinBudget(const char* loadavg = "/proc/loadavg", int cpus = 0);

  // A call begins now, or has been answered.
  void asked(TimeNs now);
  void answered(TimeNs now) { answered_ = now; }
  // Rounds for the call that has begun, and after it.
  std::uint32_t watch() const { return way_ == sleep ? 0 : rounds_of(kWatch); }
  std::uint32_t linger() const { return way_ == linger_too ? rounds_of(kLinger) : 0; }

  static std::uint32_t rounds_of(TimeNs time);

 private:
  enum Way : std::size_t { sleep, watch_only, linger_too, kWays };

  void look();
  void choose(TimeNs now);

  UniqueFd loadavg_;
  int cpus_;
  // Runnable tasks of the machine at the last looks. Who has just been woken or is about to sleep
  // is not always there, who computes is: the least counts.
  std::array<int, 4> running_;
  std::size_t looks_ = 0;
  TimeNs looked_ = 0;
  bool idle_cpu_ = false;

  TimeNs answered_ = 0;
  TimeNs gap_ = kSecond;  // between an answer and the next call, averaged
  Way way_ = sleep;
  // A trial goes through all ways some times, a number of calls each; the best time of each counts.
  std::array<TimeNs, kWays> best_;
  std::size_t turn_ = 0;   // of the trial; behind the last one it is over
  std::size_t calls_ = 0;  // since turn_began_
  TimeNs turn_began_ = 0;
};

}  // namespace starling::migrate
