// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/spin_budget.h"

#include <fcntl.h>
#include <immintrin.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace starling::migrate {
namespace {

constexpr TimeNs kLookEvery = 2 * kMillisecond;
constexpr int kCalibration = 512;
constexpr std::size_t kTrialCalls = 16;
constexpr std::size_t kTrialRounds = 3;
constexpr std::size_t kSettledCalls = 2048;  // until the next trial

TimeNs measure_pauses() {
  const TimeNs begin = monotonic_ns();
  for (int i = 0; i < kCalibration; ++i) _mm_pause();
  return std::max<TimeNs>(1, monotonic_ns() - begin);
}

int cpus_to_use() {
  cpu_set_t set;
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

}  // namespace

SpinBudget::SpinBudget(const char* loadavg, int cpus)
    : loadavg_(::open(loadavg, O_RDONLY | O_CLOEXEC)), cpus_(cpus > 0 ? cpus : cpus_to_use()) {
  running_.fill(std::numeric_limits<int>::max());
}

std::uint32_t SpinBudget::rounds_of(TimeNs time) {
  // The least of three: whoever was preempted meanwhile measured too much.
  static const TimeNs pauses = std::min({measure_pauses(), measure_pauses(), measure_pauses()});
  return static_cast<std::uint32_t>(time * kCalibration / pauses);
}

void SpinBudget::look() {
  char text[64] = {};
  int running = std::numeric_limits<int>::max();
  if (::pread(loadavg_.get(), text, sizeof text - 1, 0) > 0) {
    const char* slash = std::strchr(text, '/');  // "0.20 0.18 0.12 1/80 11206"
    while (slash && slash > text && slash[-1] != ' ') --slash;
    if (slash) running = std::atoi(slash);
  }
  running_[looks_++ % running_.size()] = running;
  // The least is this process and the one that makes the call or lingers.
  idle_cpu_ = cpus_ > 1 && *std::min_element(running_.begin(), running_.end()) <= cpus_;
}

void SpinBudget::choose(TimeNs now) {
  constexpr std::size_t kTurns = kWays * kTrialRounds;
  if (!idle_cpu_ || gap_ >= kClose) {
    way_ = sleep;
    turn_ = calls_ = 0;
    return;
  }
  if (calls_ == 0) {
    if (turn_ == 0) best_.fill(std::numeric_limits<TimeNs>::max());
    turn_began_ = now;
    const auto best = std::min_element(best_.begin(), best_.end()) - best_.begin();
    way_ = static_cast<Way>(turn_ < kTurns ? turn_ % kWays : static_cast<std::size_t>(best));
  }
  if (++calls_ <= (turn_ < kTurns ? kTrialCalls : kSettledCalls)) return;
  if (turn_ < kTurns) best_[way_] = std::min(best_[way_], now - turn_began_);
  turn_ = turn_ < kTurns ? turn_ + 1 : 0;
  calls_ = 0;
  choose(now);
}

void SpinBudget::asked(TimeNs now) {
  if (answered_ != 0) gap_ += (std::min(now - answered_, kSecond) - gap_) / 4;
  if (now - looked_ >= kLookEvery) {
    looked_ = now;
    look();
  }
  choose(now);
}

}  // namespace starling::migrate
