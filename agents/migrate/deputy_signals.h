// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <csignal>
#include <functional>

#include "agents/migrate/scratch.h"
#include "agents/migrate/tracee.h"

namespace starling::migrate {

// The stop is for a trap instruction or a step in our own code, not for a signal somebody sent.
inline bool trapped_itself(const siginfo_t& info) {
  return info.si_signo == SIGTRAP && info.si_code > 0;
}

// Signals that reach the deputy while its body computes elsewhere. The process's own threads block
// all of them; a thread added here, the sentry, blocks none, so that signals for the process
// arrive there, as stops of a traced thread, and are handed on with their siginfo.
// Signals for one thread stay pending on it and are collected.
class DeputySignals {
 public:
  // `forward` gets the thread it is meant for (0: the process) and the siginfo.
  using Forward = std::function<void(pid_t tid, const siginfo_t& info)>;
  DeputySignals(Tracee& tracee, Scratch& scratch, Forward forward);

  // Starts the sentry; from now on signals are handed on. All threads are stopped.
  void start();
  // Ends it; signals stay pending in the process from now on.
  void stop();

  pid_t sentry() const { return sentry_; }
  // A report of the sentry's.
  void on_stop(int status);
  // Signals for the process that were sent before this call have been handed on after it.
  void settle();
  // Hands on what is pending for `tid` alone; it is stopped and idle.
  void collect(pid_t tid);
  // One that a thread of the process got although it was meant for all of it.
  void hand_on(const siginfo_t& info) { forward_(0, info); }
  // Something is pending for `tid` alone.
  bool pending(pid_t tid) const;

 private:
  Tracee& tracee_;
  Scratch& scratch_;
  Forward forward_;
  pid_t sentry_ = 0;
};

}  // namespace starling::migrate
