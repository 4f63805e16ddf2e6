// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "agents/common/clock.h"
#include "agents/migrate/scratch.h"
#include "agents/migrate/syscall_table.h"
#include "agents/migrate/tracee.h"

namespace starling::migrate {

// A loop in the threads of the deputy that makes the calls it is asked for in memory shared with
// this process: two switches and no ptrace stop per call. Code in the scratch area, one slot per
// thread in pages behind it, which Homecoming unmaps. Nothing is believed of the shared memory but
// a call's result.
//
// A thread is either in the loop or stopped. In the loop it is asked, one call at a time, and tells
// the end in the way it was asked to: by a word that is watched, by waking a futex(2), or by a trap
// that stops it. Whatever stops it meanwhile, look() tells exactly how far it came.
class CallLoop {
 public:
  // None when the process's limits or the kernel do not allow it. All threads are stopped.
  static std::unique_ptr<CallLoop> make(Tracee& tracee, Scratch& scratch);
  ~CallLoop();
  CallLoop(const CallLoop&) = delete;

  // Puts a stopped thread into the loop; false when there is no slot for one more.
  bool enter(pid_t tid);
  bool runs(pid_t tid) const;
  // The thread was stopped; it is in the loop no more.
  void left(pid_t tid);
  // It ended: its slot is free.
  void forget(pid_t tid);

  // The thread is in the loop and has no call. It is watched for `watch` rounds by await() and
  // watches for `linger` rounds for its next call.
  void ask(pid_t tid, std::int32_t nr, const CallArgs& args, std::uint32_t watch,
           std::uint32_t linger);
  // The result if there is one within `patience` after watching; none: the end will be told by a
  // trap.
  std::optional<std::int64_t> await(pid_t tid, std::uint32_t watch, TimeNs patience);

  // How far a stopped thread came with what it was last asked for: the result, or none when the
  // call was not begun.
  std::optional<std::int64_t> look(pid_t tid, const Registers& registers) const;

 private:
  struct Slot;  // as it lies in the shared memory
  struct Thread {
    Slot* slot;
    RemoteAddr at;
    std::uint32_t turn = 0;  // of the last call asked for
    bool running = false;
  };

  CallLoop(Tracee& tracee, RemoteAddr code, RemoteAddr slots, void* shared);

  Tracee& tracee_;
  RemoteAddr code_;
  RemoteAddr slots_;
  Slot* shared_;
  std::map<pid_t, Thread> threads_;
};

}  // namespace starling::migrate
