// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <time.h>

#include <cstdint>

namespace starling {

// Nanoseconds on one of the kernel's clocks. The liveness protocol counts on CLOCK_BOOTTIME's
// cousin CLOCK_MONOTONIC: a laptop that slept must look to itself as if no time had passed, since
// nobody else could have answered its probes meanwhile; ages told to people use CLOCK_BOOTTIME.
using TimeNs = std::int64_t;

inline constexpr TimeNs kMillisecond = 1'000'000;
inline constexpr TimeNs kSecond = 1'000'000'000;

inline TimeNs to_ns(const timespec& t) {
  return static_cast<TimeNs>(t.tv_sec) * kSecond + t.tv_nsec;
}

inline TimeNs read_clock(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return to_ns(t);
}

inline TimeNs monotonic_ns() {
  return read_clock(CLOCK_MONOTONIC);
}
inline TimeNs boottime_ns() {
  return read_clock(CLOCK_BOOTTIME);
}
inline TimeNs realtime_ns() {
  return read_clock(CLOCK_REALTIME);
}

// A CLOCK_REALTIME stamp the kernel put on a packet, as CLOCK_MONOTONIC; never in the future, and
// `now` when the wall clock was stepped so far meanwhile that the stamp says nothing.
inline TimeNs stamp_to_monotonic(TimeNs stamp, TimeNs now_real, TimeNs now_mono) {
  const TimeNs age = now_real - stamp;
  return age < 0 || age > 60 * kSecond ? now_mono : now_mono - age;
}

}  // namespace starling
