// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/status.h"

#include <chrono>
#include <cmath>
#include <cstdio>

namespace starling::builder {

Now steady_now() {
  return [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  };
}

std::string clock_text(double seconds) {
  const long s = std::lround(std::max(seconds, 0.0));
  char text[40];
  if (s >= 3600) {
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  } else {
    std::snprintf(text, sizeof text, "%ld:%02ld", s / 60, s % 60);
  }
  return text;
}

}  // namespace starling::builder
