// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/signal_effect.h"

#include <csignal>
#include <cstring>

#include "agents/migrate/proc_file.h"

namespace starling::migrate {
namespace {

constexpr std::uint64_t bit(int number) {
  return std::uint64_t{1} << (number - 1);
}

// signal(7): default actions "Ign" and "Cont", and "Stop".
constexpr std::uint64_t kIgnoredByDefault =
    bit(SIGCHLD) | bit(SIGURG) | bit(SIGWINCH) | bit(SIGCONT);
constexpr std::uint64_t kStopsByDefault = bit(SIGSTOP) | bit(SIGTSTP) | bit(SIGTTIN) | bit(SIGTTOU);

}  // namespace

SignalEffects::SignalEffects(std::string_view status)
    : caught_(status_number(status, "SigCgt", 16)), ignored_(status_number(status, "SigIgn", 16)) {}

SignalEffects::Effect SignalEffects::of(int number) const {
  if (number < 1 || number > 64) return Effect::kills;
  if ((caught_ & bit(number)) != 0) return Effect::handler;
  if ((ignored_ & bit(number)) != 0 || (kIgnoredByDefault & bit(number)) != 0) return Effect::none;
  return (kStopsByDefault & bit(number)) != 0 ? Effect::stops : Effect::kills;
}

std::uint64_t deliverable_signals(std::string_view status) {
  std::uint64_t signals =
      (status_number(status, "SigPnd", 16) | status_number(status, "ShdPnd", 16)) &
      ~status_number(status, "SigBlk", 16);
  const SignalEffects effects(status);
  for (int number = 1; number <= 64; ++number)
    if (effects.of(number) == SignalEffects::Effect::none) signals &= ~bit(number);
  return signals;
}

std::string signal_name(int number) {
  const char* name = ::sigabbrev_np(number);
  return name ? std::string("SIG") + name : "signal " + std::to_string(number);
}

}  // namespace starling::migrate
