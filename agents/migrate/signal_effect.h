// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace starling::migrate {

// What signals do to a process, from the text of /proc/PID/status, proc_pid_status(5).
class SignalEffects {
 public:
  explicit SignalEffects(std::string_view status);

  enum class Effect {
    none,     // ignored, or ignored by default, or SIGCONT
    handler,  // the program handles it
    kills,    // by default
    stops,    // by default
  };
  // Numbers from 1 to 64.
  Effect of(int number) const;

 private:
  std::uint64_t caught_;
  std::uint64_t ignored_;
};

// Signals that wait for a thread and that it would take now, given its /proc/PID/task/TID/status:
// pending, not blocked, and of some effect.
std::uint64_t deliverable_signals(std::string_view status);

// "SIGSEGV"; "signal 40".
std::string signal_name(int number);

}  // namespace starling::migrate
