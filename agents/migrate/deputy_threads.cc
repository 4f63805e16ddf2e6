// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/deputy_threads.h"

#include <sched.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <stdexcept>

namespace starling::migrate {
namespace {

constexpr Tracee::Milliseconds kPatience(5000);

}  // namespace

std::int64_t start_thread(Tracee& tracee, Scratch& scratch, pid_t maker) {
  tracee.set_options(maker, PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE);
  const std::int64_t made = scratch.call(
      maker, SYS_clone,
      {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, 0, 0, 0,
       0});
  tracee.set_options(maker, PTRACE_O_EXITKILL);
  if (made <= 0) return made;
  const auto tid = static_cast<pid_t>(made);
  tracee.add(tid);
  const auto status = tracee.wait(tid, kPatience);
  if (!status || !WIFSTOPPED(*status))
    throw std::runtime_error("a new thread of the process did not stop");
  tracee.set_options(tid, PTRACE_O_EXITKILL);
  return tid;
}

}  // namespace starling::migrate
