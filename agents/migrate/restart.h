// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "agents/migrate/tracee.h"

namespace starling::migrate {

// What a call that was interrupted left in rax; kernel-internal (include/linux/errno.h), seen by a
// tracer only. What the program sees depends on the signal, if there is one.
enum Restart : std::int64_t {
  kRestartSys = -512,     // again, but EINTR after a handler without SA_RESTART
  kRestartNoIntr = -513,  // again
  kRestartNoHand = -514,  // again, but EINTR after a handler
  kRestartBlock = -516,   // restart_syscall(2), whose state is the kernel's; EINTR after a handler
};

inline std::int64_t result_of(const Registers& r) {
  return static_cast<std::int64_t>(r.rax);
}
inline bool in_call(const Registers& r) {
  return static_cast<std::int64_t>(r.orig_rax) >= 0;
}

// Calls that answer EINTR to any disturbance, also to one without a signal: signal(7),
// "Interruption of system calls and library functions by stop signals".
bool reports_disturbance(std::int64_t nr);

// The thread waits in a call that only its own kernel can take up again (nanosleep, poll ...).
bool must_finish_at_home(const Registers& registers);

// Undoes what stopping the threads did to calls that would report it to the program. Call once
// after Tracee::freeze; a process that is let go after it notices nothing.
void settle_interrupted_calls(Tracee& tracee);

}  // namespace starling::migrate
