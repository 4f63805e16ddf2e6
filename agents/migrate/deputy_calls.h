// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "agents/migrate/call_codec.h"
#include "agents/migrate/call_loop.h"
#include "agents/migrate/deputy_layout.h"
#include "agents/migrate/deputy_signals.h"
#include "agents/migrate/scratch.h"
#include "agents/migrate/spin_budget.h"
#include "agents/migrate/tracee.h"

namespace starling::migrate {

// Makes the calls of the body in the deputy: each by the thread it belongs to, natively, with the
// buffers at their own addresses. Calls of several threads run at once.
// A thread without a call is stopped, or waits in the call loop for the next.
class DeputyCalls {
 public:
  using Reply = std::function<void(const CallResult&)>;
  DeputyCalls(Tracee& tracee, Scratch& scratch, DeputySignals& signals, Reply reply);

  // A thread that was made while the process is away.
  void add_thread(pid_t tid);
  // Throws ProtocolError when the thread is unknown or busy.
  void start(ForwardedCall call);
  // The thread was stopped inside a call when the process left; its kernel finishes that call, and
  // the result is replied with cookie 0.
  void finish(pid_t tid, const Registers& registers, pid_t pid);
  // A signal waits in the body for the thread: its call, if it is still this one, shall not go on
  // waiting.
  void interrupt(pid_t tid, std::uint64_t cookie);
  // The process comes home: no call goes on waiting. All threads without one are stopped, and the
  // others will be.
  void interrupt_all();
  // Stops a thread that has no call.
  void park(pid_t tid);
  // Stops one of those without a call.
  void park_any();
  // A parked thread was ended.
  void forget(pid_t tid);
  // Hands on what is pending for threads without a call.
  void collect();
  // A report of one of the process's threads; ends of threads without a call are not looked at.
  void on_stop(pid_t tid, int status);

  bool busy() const { return !calls_.empty(); }
  bool busy(pid_t tid) const { return calls_.contains(tid); }
  // A call that is being made may write to `range`.
  bool writes_to(RemoteRange range) const;
  // Threads whose call was interrupted for coming home and whose kernel knows how to take it up.
  const std::set<pid_t>& to_take_up() const { return to_take_up_; }

  std::uint64_t made() const { return made_; }

 private:
  struct Call {
    ForwardedCall what;
    bool native = false;       // finish(): not at our instruction
    bool looped = false;       // made in the call loop
    bool interrupted = false;  // by us
    bool home = false;         // for coming home
    TimeNs begun = 0;          // monotonic
  };

  void interrupt(pid_t tid);
  bool prepare(const ForwardedCall& call);
  bool usable(pid_t tid, RemoteRange range, bool write);
  void begin(const ForwardedCall& call);
  void begin_looped(const ForwardedCall& call, TimeNs now);
  void done(pid_t tid, std::int64_t result);
  void step(pid_t tid, int status);
  void on_idle_stop(pid_t tid, int status);
  void look_for_signals();

  Tracee& tracee_;
  Scratch& scratch_;
  DeputySignals& signals_;
  Reply reply_;
  DeputyLayout layout_;
  DeputyMemory memory_;
  std::unique_ptr<CallLoop> loop_;  // may be missing: every call costs two stops more then
  SpinBudget budget_;
  std::map<pid_t, Call> calls_;
  std::set<pid_t> blocked_;  // threads whose last call of those that may block did
  bool home_ = false;        // interrupt_all() was called
  std::set<pid_t> to_take_up_;
  std::uint64_t made_ = 0;
};

}  // namespace starling::migrate
