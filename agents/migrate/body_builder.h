// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>

#include "agents/common/unique_fd.h"
#include "agents/migrate/empty_body.h"
#include "agents/migrate/page_sink.h"
#include "agents/migrate/state.pb.h"

namespace starling::migrate {

// The number that thread `tid` of process `pid` has in its own pid namespace.
pid_t number_inside(pid_t pid, pid_t tid);

// Thread numbers as the body sees them (and home), and as this process does.
class ThreadNumbers {
 public:
  void add(pid_t here, pid_t inner);
  // 0 when there is no such thread.
  pid_t inner(pid_t here) const;
  pid_t here(pid_t inner) const;
  void remove(pid_t here);

 private:
  std::map<pid_t, pid_t> inner_;
  std::map<pid_t, pid_t> here_;
};

// What a body has beside its process.
struct BodyParts {
  UniqueFd listener;  // of seccomp notifications
  ThreadNumbers threads;
  // A thread that the program does not know of. It never runs but for calls that queue signals to
  // the process: only the process itself may give a signal any siginfo (rt_sigqueueinfo(2)). Its
  // own seccomp filter allows these calls and no other, whatever the program writes to the scratch
  // area. All signals are blocked in it.
  pid_t service = 0;  // here
};

// Options of ptrace for threads of a body: while it is built or taken apart calls are made in it
// that its filter would not let through, and while it runs.
extern const unsigned long kBodyStopped;
extern const unsigned long kBodyRuns;

// Makes the empty body into the process of `state`, stopped before its first instruction, with
// its memory still at home but for state.pages; `sink` is started. `comm` is its name.
// Throws StaysHome, with a sentence, when this node cannot carry it.
BodyParts build_body(EmptyBody& body, const std::string& comm, const pb::ProcessState& state,
                     PageSink& sink);

}  // namespace starling::migrate
