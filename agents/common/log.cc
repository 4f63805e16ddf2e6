// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/log.h"

#include <unistd.h>

#include <atomic>

namespace starling {

static std::atomic<LogLevel> threshold{LogLevel::kInfo};

void set_log_level(LogLevel level) {
  threshold = level;
}
bool log_enabled(LogLevel level) {
  return level <= threshold;
}

void log_line(LogLevel level, const std::string& text) {
  if (!log_enabled(level)) return;
  static const bool terminal = isatty(STDERR_FILENO) == 1;
  std::string line = terminal ? "" : "<" + std::to_string(static_cast<int>(level)) + ">";
  for (char c : text) line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  line += '\n';
  // Nobody is left to tell when stderr itself fails.
  [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace starling
