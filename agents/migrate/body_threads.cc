// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/body_threads.h"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <stdexcept>
#include <string>

namespace starling::migrate {
namespace {

constexpr Tracee::Milliseconds kPatience(10'000);

// The next stop of `tid`: an event's number, or 0 for one at a call's entry or exit.
int next_stop(Tracee& tracee, pid_t tid) {
  const auto status = tracee.wait(tid, kPatience);
  if (!status) throw std::runtime_error("a call that makes a thread did not end");
  if (!WIFSTOPPED(*status)) throw ProcessGone("the body was killed on its guest");
  return *status >> 16;
}

// Runs the call; the new thread, 0 when the kernel made none.
pid_t run_call(Tracee& tracee, pid_t maker) {
  tracee.resume_to_syscall(maker);
  // A late interrupt may stop it before the call.
  while (next_stop(tracee, maker) != 0) tracee.resume_to_syscall(maker);
  pid_t made = 0;
  tracee.resume_to_syscall(maker);
  for (int event = next_stop(tracee, maker); event != 0; event = next_stop(tracee, maker)) {
    if (event == PTRACE_EVENT_CLONE) made = static_cast<pid_t>(tracee.event_message(maker));
    tracee.resume_to_syscall(maker);
  }
  return made;
}

}  // namespace

std::optional<pid_t> start_thread(EmptyBody& body, BodyParts& parts, pid_t maker, pid_t number) {
  Tracee& tracee = body.tracee();
  if (parts.threads.here(number) != 0 || !body.set_next_number(number)) return std::nullopt;
  const Registers before = tracee.registers(maker);
  // A signal would have the kernel restart the call instead of making it. The filter would stop it.
  const std::uint64_t mask = tracee.mask(maker);
  tracee.set_mask(maker, ~0ULL);
  tracee.set_options(maker, kBodyStopped);
  const pid_t made = run_call(tracee, maker);
  tracee.set_options(maker, kBodyRuns);
  tracee.set_mask(maker, mask);
  if (made == 0) {
    // Also when its arguments became those of a process between our look and the kernel's.
    if (static_cast<std::int64_t>(tracee.registers(maker).rax) > 0)
      throw std::runtime_error("the body made a process of its own");
    tracee.set_registers(maker, before);
    return std::nullopt;
  }
  tracee.add(made);
  next_stop(tracee, made);
  // It has inherited what was meant for the call.
  tracee.set_options(made, kBodyRuns);
  tracee.set_mask(made, mask);
  if (number_inside(body.pid(), made) != number)
    throw std::runtime_error("a new thread got another number than it has at home");
  parts.threads.add(made, number);
  return made;
}

}  // namespace starling::migrate
