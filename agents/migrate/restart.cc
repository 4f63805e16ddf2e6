// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/restart.h"

#include <sys/syscall.h>

#include <cerrno>
#include <string>

#include "agents/migrate/proc_file.h"

namespace starling::migrate {

bool reports_disturbance(std::int64_t nr) {
  switch (nr) {
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case SYS_rt_sigtimedwait:
    case SYS_semop:
    case SYS_semtimedop:
      return true;
    default:
      return false;
  }
}

bool must_finish_at_home(const Registers& r) {
  return in_call(r) && result_of(r) == kRestartBlock && r.orig_rax != SYS_futex;
}

void settle_interrupted_calls(Tracee& tracee) {
  for (const pid_t tid : tracee.threads()) {
    Registers r = tracee.registers(tid);
    if (!in_call(r)) continue;
    if (r.orig_rax == SYS_futex && result_of(r) == kRestartBlock) {
      // Its restart state is the kernel's. An absolute timeout may simply be given again; a
      // relative one begins anew: longer than asked, but never an EINTR without a signal.
      r.rax = static_cast<std::uint64_t>(std::int64_t{kRestartNoHand});
      tracee.set_registers(tid, r);
      continue;
    }
    if (result_of(r) != -EINTR || !reports_disturbance(static_cast<std::int64_t>(r.orig_rax)))
      continue;
    const std::string status = read_proc(tracee.pid(), "task/" + std::to_string(tid) + "/status");
    const std::uint64_t signals =
        (status_number(status, "SigPnd", 16) | status_number(status, "ShdPnd", 16)) &
        ~tracee.mask(tid);
    if (signals != 0) continue;  // a signal is the reason, not we
    r.rip -= 2;
    r.rax = r.orig_rax;
    r.orig_rax = ~0ULL;
    tracee.set_registers(tid, r);
  }
}

}  // namespace starling::migrate
