// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/deputy_exit.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <stdexcept>

namespace starling::migrate {
namespace {

constexpr Tracee::Milliseconds kPatience(10'000);

void run_exit(Tracee& tracee, Scratch& scratch, pid_t tid, std::uint64_t nr, int status) {
  Registers r = tracee.registers(tid);
  r.rip = (scratch.at() + ScratchLayout::kSyscall).value;
  r.rax = nr;
  r.rdi = static_cast<std::uint64_t>(status);
  r.orig_rax = ~0ULL;
  tracee.set_registers(tid, r);
  tracee.resume(tid);
}

// Reaps the thread; stops that come before its end are passed over.
int await_end(Tracee& tracee, pid_t tid) {
  int last = 0;
  while (tracee.has(tid)) {
    const auto report = tracee.wait(tid, kPatience);
    if (!report) throw std::runtime_error("thread " + std::to_string(tid) + " did not end");
    last = *report;
    if (WIFSTOPPED(last)) tracee.resume(tid);
  }
  return last;
}

// The first thread is reported last, when the others are gone.
int await_all(Tracee& tracee) {
  for (const pid_t tid : tracee.threads()) {
    if (tid == tracee.pid()) continue;
    try {
      await_end(tracee, tid);
    } catch (const ProcessGone&) {
      // The kernel reaped it with the group.
    }
  }
  return await_end(tracee, tracee.pid());
}

}  // namespace

void exit_thread(Tracee& tracee, Scratch& scratch, pid_t tid) {
  // Its end was already told to the others by the body's kernel, in the memory they look at.
  CallBatch batch(scratch);
  batch.add(SYS_set_robust_list, {0, 3 * sizeof(std::uint64_t)});
  batch.add(SYS_set_tid_address, {0});
  batch.run(tid);
  run_exit(tracee, scratch, tid, SYS_exit, 0);
  await_end(tracee, tid);
}

int exit_process(Tracee& tracee, Scratch& scratch, int status) {
  for (const pid_t tid : tracee.threads()) {
    if (!tracee.stopped(tid)) continue;
    run_exit(tracee, scratch, tid, SYS_exit_group, status);
    break;
  }
  return await_all(tracee);
}

void kill_process(Tracee& tracee) {
  try {
    if (tracee.has(tracee.pid())) {
      ::kill(tracee.pid(), SIGKILL);
      await_all(tracee);
    }
  } catch (const ProcessGone&) {
    // Killed by another before.
  }
  tracee.forget();
}

}  // namespace starling::migrate
