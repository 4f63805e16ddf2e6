// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/deputy_signals.h"

#include <sched.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

#include "agents/migrate/deputy_threads.h"
#include "agents/migrate/kernel_sizes.h"
#include "agents/migrate/proc_file.h"

namespace starling::migrate {
namespace {

constexpr std::uint64_t kTrap = std::uint64_t{1} << (SIGTRAP - 1);
constexpr Tracee::Milliseconds kPatience(5000);

}  // namespace

DeputySignals::DeputySignals(Tracee& tracee, Scratch& scratch, Forward forward)
    : tracee_(tracee), scratch_(scratch), forward_(std::move(forward)) {}

void DeputySignals::start() {
  const std::int64_t tid = start_thread(tracee_, scratch_, tracee_.pid());
  if (tid <= 0) throw std::runtime_error("the thread that takes signals could not be started");
  sentry_ = static_cast<pid_t>(tid);
  Registers r = tracee_.registers(sentry_);
  r.rip = (scratch_.at() + ScratchLayout::kPause).value;
  r.orig_rax = ~0ULL;
  tracee_.set_registers(sentry_, r);
  tracee_.set_mask(sentry_, 0);
  tracee_.resume(sentry_);
}

void DeputySignals::on_stop(int status) {
  if (!WIFSTOPPED(status)) {
    sentry_ = 0;
    return;
  }
  if (status >> 16 == 0) forward_(0, tracee_.signal_info(sentry_));
  tracee_.resume(sentry_);
}

void DeputySignals::settle() {
  // The sentry is woken by each signal; it has taken all when none is left.
  for (int i = 0; i < 2000 && sentry_ != 0; ++i) {
    while (const auto status = tracee_.wait(sentry_, Tracee::Milliseconds(0))) {
      on_stop(*status);
      if (sentry_ == 0) return;
    }
    if (status_number(read_proc(tracee_.pid(), "status"), "ShdPnd", 16) == 0) {
      // It may have been taken and not be reported yet: then the sentry is not asleep.
      const auto state = read_proc(tracee_.pid(), "task/" + std::to_string(sentry_) + "/stat");
      const auto name_end = state.rfind(')');
      if (name_end != std::string::npos && name_end + 2 < state.size() &&
          state[name_end + 2] == 'S')
        return;
    }
    ::sched_yield();
  }
}

bool DeputySignals::pending(pid_t tid) const {
  const auto status = read_proc(tracee_.pid(), "task/" + std::to_string(tid) + "/status");
  return (status_number(status, "SigPnd", 16) & ~kTrap) != 0;
}

void DeputySignals::collect(pid_t tid) {
  while (true) {
    const auto status = read_proc(tracee_.pid(), "task/" + std::to_string(tid) + "/status");
    const std::uint64_t wanted = status_number(status, "SigPnd", 16) & ~kTrap;
    if (wanted == 0) return;
    CallBatch batch(scratch_);
    const RemoteAddr set = batch.put({reinterpret_cast<const std::uint8_t*>(&wanted), 8});
    const RemoteAddr zero = batch.room(sizeof(timespec));
    const RemoteAddr at = batch.room(kSiginfo);
    const auto taken = batch.add(SYS_rt_sigtimedwait, {set.value, at.value, zero.value, 8});
    batch.run(tid);
    if (batch.result(taken) <= 0) return;
    siginfo_t info{};
    const auto bytes = batch.data(at, kSiginfo);
    std::memcpy(&info, bytes.data(), sizeof info);
    forward_(tid, info);
  }
}

void DeputySignals::stop() {
  if (sentry_ == 0) return;
  settle();
  tracee_.interrupt(sentry_);
  while (sentry_ != 0) {
    const auto status = tracee_.wait(sentry_, kPatience);
    if (!status) throw std::runtime_error("the thread that takes signals did not stop");
    if (!WIFSTOPPED(*status)) break;
    if (*status >> 16 == PTRACE_EVENT_STOP) {
      // From here on signals stay pending: it blocks all and leaves.
      tracee_.set_mask(sentry_, ~0ULL);
      Registers r = tracee_.registers(sentry_);
      r.rip = (scratch_.at() + ScratchLayout::kSyscall).value;
      r.rax = SYS_exit;
      r.rdi = 0;
      r.orig_rax = ~0ULL;
      tracee_.set_registers(sentry_, r);
      tracee_.resume(sentry_);
    } else {
      const auto info = tracee_.signal_info(sentry_);
      if (!trapped_itself(info)) forward_(0, info);
      tracee_.resume(sentry_);
    }
  }
  sentry_ = 0;
}

}  // namespace starling::migrate
