// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace starling {

// syslog's numbers, as journald reads them from a "<N>" prefix on stderr.
enum class LogLevel { kError = 3, kWarning = 4, kNotice = 5, kInfo = 6, kDebug = 7 };

// Lines above `level` are dropped. The prefix is written only when stderr is not a terminal.
void set_log_level(LogLevel level);
bool log_enabled(LogLevel level);

// Writes one line with one write(2), so that lines of two threads never mix. May block on a full
// pipe: the liveness thread hands its lines to the main thread instead.
void log_line(LogLevel level, const std::string& text);

inline void log_error(const std::string& t) {
  log_line(LogLevel::kError, t);
}
inline void log_warning(const std::string& t) {
  log_line(LogLevel::kWarning, t);
}
inline void log_notice(const std::string& t) {
  log_line(LogLevel::kNotice, t);
}
inline void log_info(const std::string& t) {
  log_line(LogLevel::kInfo, t);
}
inline void log_debug(const std::string& t) {
  log_line(LogLevel::kDebug, t);
}

}  // namespace starling
