// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <csignal>

namespace starling::migrate {

// A signal that looks as if it came from the kernel or from kill(2) may be queued to a process only
// by its first thread (rt_sigqueueinfo(2)) and to a thread only by itself, and those may be anywhere
// in a body that runs. So such a signal is queued with a code of its own, which is taken back before
// the program sees it: at the signal-delivery-stop, and when pending signals come home. (What
// sigwaitinfo(2) returns has the mark.)
inline constexpr int kSignalMark = -0x40000000;
inline constexpr int kSignalCodes = 0x1000000;  // SI_KERNEL, SI_USER, SI_TKILL ... lie within

inline void mark_signal(siginfo_t& info) {
  if (info.si_code >= 0 || info.si_code == SI_TKILL) info.si_code = kSignalMark - info.si_code;
}
// false: it had no mark.
inline bool unmark_signal(siginfo_t& info) {
  if (info.si_code < kSignalMark - kSignalCodes || info.si_code > kSignalMark + kSignalCodes)
    return false;
  info.si_code = kSignalMark - info.si_code;
  return true;
}

}  // namespace starling::migrate
