// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/deputy_calls.h"

#include <linux/audit.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>

#include "agents/migrate/restart.h"

namespace starling::migrate {
namespace {

// All but what job control needs: a blocked SIGTTIN turns a read from the terminal into EIO.
constexpr std::uint64_t bit(int signal) {
  return std::uint64_t{1} << (signal - 1);
}
constexpr std::uint64_t kCallMask = ~(bit(SIGTRAP) | bit(SIGTTIN) | bit(SIGTTOU));

// How long to wait for a call before going on with other things. Its thread then stops to tell its
// end, which costs more.
constexpr TimeNs kPatience = kMillisecond;
constexpr TimeNs kPatienceToBlock = 50'000;  // for one that may block
constexpr Tracee::Milliseconds kStopPatience(5000);

bool signals(std::int32_t nr) {
  switch (nr) {
    case SYS_kill:
    case SYS_tkill:
    case SYS_tgkill:
    case SYS_rt_sigqueueinfo:
    case SYS_rt_tgsigqueueinfo:
      return true;
    default:
      return false;
  }
}

// Calls whose effect may be a signal to the caller, which it must see before the call's result.
bool may_signal_caller(std::int32_t nr, std::int64_t result) {
  return signals(nr) || result == -EPIPE || result == -EFBIG;
}

}  // namespace

DeputyCalls::DeputyCalls(Tracee& tracee, Scratch& scratch, DeputySignals& signals, Reply reply)
    : tracee_(tracee),
      scratch_(scratch),
      signals_(signals),
      reply_(std::move(reply)),
      layout_(tracee, scratch),
      memory_(tracee),
      loop_(CallLoop::make(tracee, scratch)) {
  for (const pid_t tid : tracee_.threads())
    if (tid != signals_.sentry()) add_thread(tid);
}

void DeputyCalls::add_thread(pid_t tid) {
  tracee_.set_mask(tid, kCallMask);
}

bool DeputyCalls::usable(pid_t tid, RemoteRange range, bool write) {
  if (layout_.ready(range, write)) return true;
  park(tid);
  return layout_.prepare(tid, range, write);
}

bool DeputyCalls::prepare(const ForwardedCall& call) {
  for (const Segment& s : call.call.in) {
    if (!usable(call.tid, {s.at, s.at + s.bytes.size()}, false)) return false;
    if (tracee_.write_some(s.at, s.bytes) != s.bytes.size()) return false;
  }
  return std::all_of(call.call.out.begin(), call.call.out.end(), [&](const OutSegment& s) {
    return usable(call.tid, {s.at, s.at + s.capacity}, true);
  });
}

bool DeputyCalls::writes_to(RemoteRange range) const {
  return std::any_of(calls_.begin(), calls_.end(), [&](const auto& entry) {
    const auto& out = entry.second.what.call.out;
    return std::any_of(out.begin(), out.end(), [&](const OutSegment& s) {
      return s.at < range.end && range.begin < s.at + s.capacity;
    });
  });
}

void DeputyCalls::start(ForwardedCall call) {
  const pid_t tid = call.tid;
  if (!tracee_.has(tid) || tid == signals_.sentry())
    throw ProtocolError("a call of thread " + std::to_string(tid) + ", which does not exist");
  if (busy(tid) || (!tracee_.stopped(tid) && !(loop_ && loop_->runs(tid))))
    throw ProtocolError("a call of thread " + std::to_string(tid) + ", which is in another");
  // The guest asked its own table; here it is asked again, for what the process may be made to do.
  const CallContext context{tracee_.pid(), tid, false};
  const auto where = classify(AUDIT_ARCH_X86_64, call.call.nr, call.call.args, context).where;
  const bool allowed = where == CallClass::forwarded || where == CallClass::both;
  if (!allowed || !prepare(call)) {
    CallResult refusal{tid, call.cookie, 0, CallResult::kComeHome, {}};
    reply_(refusal);
    return;
  }
  if (signals(call.call.nr)) {
    // Some signals cannot be blocked in the loop: with all others stopped, only the caller and the
    // sentry can take them, and both are looked at before the call is answered.
    for (const pid_t other : tracee_.threads())
      if (other != tid && other != signals_.sentry() && !busy(other)) park(other);
  }
  ++made_;
  const bool looped = loop_ && (loop_->runs(tid) || loop_->enter(tid));
  const TimeNs now = monotonic_ns();
  const Call& begun = calls_[tid] = {std::move(call), false, looped, false, false, now};
  looped ? begin_looped(begun.what, now) : begin(begun.what);
}

void DeputyCalls::begin_looped(const ForwardedCall& call, TimeNs now) {
  const pid_t tid = call.tid;
  const bool may_block = call.call.may_block;
  const bool will_block = may_block && blocked_.contains(tid);
  budget_.asked(now);
  const std::uint32_t watch = will_block ? 0 : budget_.watch();
  loop_->ask(tid, call.call.nr, call.call.args, watch, budget_.linger());
  const TimeNs patience = will_block ? 0 : may_block ? kPatienceToBlock : kPatience;
  const auto result = loop_->await(tid, watch, patience);
  if (result) done(tid, *result);
}

void DeputyCalls::begin(const ForwardedCall& call) {
  const pid_t tid = call.tid;
  Registers r = tracee_.registers(tid);
  const auto& args = call.call.args;
  r.rax = static_cast<std::uint64_t>(static_cast<std::int64_t>(call.call.nr));
  r.rdi = args[0];
  r.rsi = args[1];
  r.rdx = args[2];
  r.r10 = args[3];
  r.r8 = args[4];
  r.r9 = args[5];
  r.rip = (scratch_.at() + ScratchLayout::kSyscall).value;
  r.orig_rax = ~0ULL;
  tracee_.set_registers(tid, r);
  const bool may_block = call.call.may_block;
  tracee_.resume(tid);
  // Most calls are over at once; for those, waiting here saves a round through the event loop.
  const auto status = tracee_.wait(tid, Tracee::Milliseconds(may_block ? 0 : 1));
  if (status) on_stop(tid, *status);
}

void DeputyCalls::finish(pid_t tid, const Registers& registers, pid_t pid) {
  Call call;
  call.native = true;
  call.what.tid = tid;
  const CallArgs args = {registers.rdi, registers.rsi, registers.rdx,
                         registers.r10, registers.r8,  registers.r9};
  const auto nr = static_cast<std::int32_t>(registers.orig_rax);
  const CallContext context{pid, tid, false};
  // Its arguments lie here already; marshalling tells what it will have written.
  call.what.call =
      marshal(nr, args, classify(AUDIT_ARCH_X86_64, nr, args, context), context, memory_);
  tracee_.set_registers(tid, registers);
  calls_[tid] = std::move(call);
  tracee_.resume_to_syscall(tid);
}

void DeputyCalls::interrupt(pid_t tid, std::uint64_t cookie) {
  const auto call = calls_.find(tid);
  if (call != calls_.end() && call->second.what.cookie == cookie) interrupt(tid);
}

void DeputyCalls::interrupt(pid_t tid) {
  const auto call = calls_.find(tid);
  if (call == calls_.end()) return;
  call->second.interrupted = true;
  tracee_.interrupt(tid);
}

void DeputyCalls::interrupt_all() {
  home_ = true;
  for (auto& [tid, call] : calls_) {
    call.home = true;
    call.interrupted = true;
    tracee_.interrupt(tid);
  }
  for (const pid_t tid : tracee_.threads())
    if (tid != signals_.sentry() && !busy(tid)) park(tid);
}

void DeputyCalls::park(pid_t tid) {
  if (!loop_ || !loop_->runs(tid)) return;
  tracee_.interrupt(tid);
  const auto status = tracee_.wait(tid, kStopPatience);
  if (!status) throw std::runtime_error("thread " + std::to_string(tid) + " did not stop");
  if (!WIFSTOPPED(*status)) throw ProcessGone("thread " + std::to_string(tid) + " ended");
  loop_->left(tid);
  // A stop for a signal is as good as the one that was asked for, and takes its place.
  if (*status >> 16 != 0) return;
  const siginfo_t info = tracee_.signal_info(tid);
  if (trapped_itself(info)) return;
  if (home_) {
    tracee_.put_aside(tid, info);
  } else {
    signals_.hand_on(info);
  }
}

void DeputyCalls::park_any() {
  for (const pid_t tid : tracee_.threads()) {
    if (tid == signals_.sentry() || busy(tid)) continue;
    park(tid);
    return;
  }
}

void DeputyCalls::forget(pid_t tid) {
  if (loop_) loop_->forget(tid);
  blocked_.erase(tid);
}

void DeputyCalls::collect() {
  for (const pid_t tid : tracee_.threads()) {
    if (tid == signals_.sentry() || busy(tid) || !signals_.pending(tid)) continue;
    park(tid);
    signals_.collect(tid);
  }
}

void DeputyCalls::on_stop(pid_t tid, int status) {
  if (!calls_.contains(tid)) return on_idle_stop(tid, status);
  if (!WIFSTOPPED(status)) throw ProcessGone("thread " + std::to_string(tid) + " ended");
  step(tid, status);
}

// Of a thread that waits for its next call: a signal that it cannot block, a SIGCONT, or a trap
// that told the end of a call which something else had told before.
void DeputyCalls::on_idle_stop(pid_t tid, int status) {
  if (!loop_ || !loop_->runs(tid)) return;
  if (!WIFSTOPPED(status)) return loop_->forget(tid);
  if (status >> 16 == 0) {
    const siginfo_t info = tracee_.signal_info(tid);
    if (!trapped_itself(info)) signals_.hand_on(info);
  }
  tracee_.resume(tid);
}

void DeputyCalls::step(pid_t tid, int status) {
  Call& call = calls_.at(tid);
  const Registers r = tracee_.registers(tid);
  const auto result = static_cast<std::int64_t>(r.rax);
  const bool event_stop = status >> 16 == PTRACE_EVENT_STOP;
  const siginfo_t info = event_stop ? siginfo_t{} : tracee_.signal_info(tid);
  if (!event_stop && !trapped_itself(info)) {
    // Terminal input or output from the background, or a signal that cannot be blocked.
    if (!call.home) {
      signals_.hand_on(info);
    } else if (info.si_code <= 0) {
      tracee_.put_aside(tid, info);  // what the kernel says it will say again at home
    }
    call.interrupted = true;
  }

  if (call.native) {
    // Any stop clears a pending interrupt, so the one at the call's exit may be the only one.
    const bool over = r.orig_rax == SYS_restart_syscall && result != -ENOSYS;
    if (result == kRestartBlock ? call.interrupted : over) {
      done(tid, result);
    } else {
      tracee_.resume_to_syscall(tid);  // at its entry
    }
    return;
  }

  if (call.looped) {
    const auto seen = loop_->look(tid, r);
    if (!seen && !call.interrupted) {
      tracee_.resume(tid);  // the loop goes on where it was
      return;
    }
    loop_->left(tid);
    done(tid, seen.value_or(kRestartSys));  // without a result nothing was done yet
    return;
  }

  const RemoteAddr instruction = scratch_.at() + ScratchLayout::kSyscall;
  if (r.rip == instruction.value && static_cast<std::int64_t>(r.orig_rax) < 0) {
    // A stop from before the call: an interrupt for the last one, that one's trap.
    if (call.interrupted && event_stop) {
      done(tid, kRestartSys);  // nothing was done yet
    } else {
      tracee_.resume(tid);
    }
    return;
  }
  done(tid, result);
}

void DeputyCalls::done(pid_t tid, std::int64_t result) {
  const Call call = std::move(calls_.at(tid));
  calls_.erase(tid);
  if (result == kRestartBlock) {
    if (call.home) to_take_up_.insert(tid);
    result = kRestartNoHand;
  } else if (result == -EINTR && call.interrupted && reports_disturbance(call.what.call.nr)) {
    result = kRestartNoHand;  // EINTR only if the body's kernel finds a handler to run
  }
  if (call.what.call.may_block) {
    const bool blocked = monotonic_ns() - call.begun > 4 * kPatienceToBlock;
    blocked ? void(blocked_.insert(tid)) : void(blocked_.erase(tid));
  }
  if (tracee_.stopped(tid) && (!call.looped || home_)) {
    Registers r = tracee_.registers(tid);
    r.orig_rax = ~0ULL;  // what was interrupted is the body's to repeat
    tracee_.set_registers(tid, r);
  }
  CallResult reply{tid, call.what.cookie, result, 0, outputs(call.what.call, result, memory_)};
  // While it comes home its signals wait for it there.
  if (!call.home && (call.interrupted || may_signal_caller(call.what.call.nr, result)))
    look_for_signals();
  reply_(reply);
  budget_.answered(monotonic_ns());
  // What it tells of its next call costs less there.
  if (!home_ && call.looped && tracee_.stopped(tid)) loop_->enter(tid);
}

void DeputyCalls::look_for_signals() {
  signals_.settle();
  for (const pid_t other : tracee_.threads()) {
    if (other == signals_.sentry() || !signals_.pending(other)) continue;
    if (busy(other)) {
      interrupt(other);  // collected when it is done
    } else {
      park(other);
      signals_.collect(other);
    }
  }
}

}  // namespace starling::migrate
