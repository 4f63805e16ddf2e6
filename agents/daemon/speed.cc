// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/speed.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "agents/common/clock.h"

namespace starling::daemon {

// CPU time of one round that is called 1000; chosen, not measured on a historical machine.
static constexpr double kStandardRoundNs = 5.0e6;
static constexpr int kRounds = 7;

static double one_round() {
  static std::vector<std::uint32_t> table(64 * 1024);  // 256 KiB: beyond L1, within L2
  std::uint32_t x = 2463534242u;
  double sum = 0;
  for (int i = 0; i < 400'000; ++i) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    std::uint32_t& slot = table[x % table.size()];
    slot += x;
    if (slot & 1) {
      sum += std::sqrt(static_cast<double>(slot));
    } else {
      sum = sum * 0.999 + 1.0 / (1.0 + x);
    }
  }
  return sum;
}

std::uint32_t measure_speed() {
  std::array<double, kRounds> cost{};
  volatile double keep = 0;  // or the compiler drops the work
  for (double& c : cost) {
    const TimeNs begin = read_clock(CLOCK_THREAD_CPUTIME_ID);
    keep = keep + one_round();
    c = static_cast<double>(read_clock(CLOCK_THREAD_CPUTIME_ID) - begin);
  }
  std::nth_element(cost.begin(), cost.begin() + kRounds / 2, cost.end());
  const double median = std::max(cost[kRounds / 2], 1.0);
  return static_cast<std::uint32_t>(std::clamp(1000.0 * kStandardRoundNs / median, 1.0, 1e6));
}

}  // namespace starling::daemon
