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

// Calls whose effect may be a signal to the caller, which it must see before the call's result.
bool may_signal_caller(std::int32_t nr, std::int64_t result) {
  switch (nr) {
    case SYS_kill:
    case SYS_tkill:
    case SYS_tgkill:
    case SYS_rt_sigqueueinfo:
    case SYS_rt_tgsigqueueinfo:
      return true;
    default:
      return result == -EPIPE || result == -EFBIG;
  }
}

}  // namespace

DeputyCalls::DeputyCalls(Tracee& tracee, Scratch& scratch, DeputySignals& signals, Reply reply)
    : tracee_(tracee),
      scratch_(scratch),
      signals_(signals),
      reply_(std::move(reply)),
      layout_(tracee, scratch),
      memory_(tracee) {
  for (const pid_t tid : tracee_.threads())
    if (tid != signals_.sentry()) add_thread(tid);
}

void DeputyCalls::add_thread(pid_t tid) {
  tracee_.set_mask(tid, kCallMask);
}

bool DeputyCalls::prepare(const ForwardedCall& call) {
  for (const Segment& s : call.call.in) {
    if (!layout_.prepare(call.tid, {s.at, s.at + s.bytes.size()}, false)) return false;
    if (tracee_.write_some(s.at, s.bytes) != s.bytes.size()) return false;
  }
  return std::all_of(call.call.out.begin(), call.call.out.end(), [&](const OutSegment& s) {
    return layout_.prepare(call.tid, {s.at, s.at + s.capacity}, true);
  });
}

void DeputyCalls::start(ForwardedCall call) {
  const pid_t tid = call.tid;
  if (!tracee_.has(tid) || tid == signals_.sentry())
    throw ProtocolError("a call of thread " + std::to_string(tid) + ", which does not exist");
  if (busy(tid) || !tracee_.stopped(tid))
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
  calls_[tid] = {std::move(call), false, false, false};
  ++made_;
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
  for (auto& [tid, call] : calls_) {
    call.home = true;
    call.interrupted = true;
    tracee_.interrupt(tid);
  }
}

void DeputyCalls::on_stop(pid_t tid, int status) {
  if (!calls_.contains(tid)) return;
  if (!WIFSTOPPED(status)) throw ProcessGone("thread " + std::to_string(tid) + " ended");
  step(tid, status);
}

void DeputyCalls::step(pid_t tid, int status) {
  Call& call = calls_.at(tid);
  const Registers r = tracee_.registers(tid);
  const auto result = static_cast<std::int64_t>(r.rax);
  const bool event_stop = status >> 16 == PTRACE_EVENT_STOP;
  const siginfo_t info = event_stop ? siginfo_t{} : tracee_.signal_info(tid);
  const bool own_trap = !event_stop && WSTOPSIG(status) == SIGTRAP && info.si_code > 0;
  if (!event_stop && !own_trap) {
    // Terminal input or output from the background, or a SIGTRAP that somebody sent.
    signals_.hand_on(info);
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
  Registers r = tracee_.registers(tid);
  r.orig_rax = ~0ULL;  // what was interrupted is the body's to repeat
  tracee_.set_registers(tid, r);
  CallResult reply{tid, call.what.cookie, result, 0, outputs(call.what.call, result, memory_)};
  // While it comes home its signals wait for it there.
  if (!call.home && (call.interrupted || may_signal_caller(call.what.call.nr, result))) {
    signals_.settle();
    for (const pid_t other : tracee_.threads()) {
      if (other == signals_.sentry() || !signals_.pending(other)) continue;
      if (busy(other)) {
        interrupt(other);  // collected when it is done
      } else {
        signals_.collect(other);
      }
    }
  }
  reply_(reply);
}

}  // namespace starling::migrate
