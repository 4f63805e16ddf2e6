// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "agents/common/unique_fd.h"
#include "agents/migrate/scratch.h"
#include "agents/migrate/state.pb.h"
#include "agents/migrate/tracee.h"

namespace starling::migrate {

// What is added to this machine's clocks to get home's, ns. Rather too much than too little: a
// clock must not go backwards when its process comes here.
struct ClockOffsets {
  std::int64_t monotonic = 0;
  std::int64_t boottime = 0;
};

// A process that is ready to become a body: everything that takes long and does not depend on the
// state, done before the process at home stops. It has
//   - the home pid, in a pid namespace with nothing but an init beside it,
//   - clocks that go on from home's (time namespace),
//   - an empty read-only root, no network, no IPC, no descriptors but its userfaultfd,
//   - the scratch area, and stands under ptrace at its first instruction.
// It ends with this object and with this process.
//
// Needs root, and that this process has no other threads yet: the kernel allows none while a new
// namespace waits for its first process.
class EmptyBody {
 public:
  // Throws StaysHome with a sentence when this node cannot offer such a process.
  EmptyBody(const pb::Hello& hello, const ClockOffsets& clocks);
  ~EmptyBody();
  EmptyBody(const EmptyBody&) = delete;
  EmptyBody& operator=(const EmptyBody&) = delete;

  pid_t pid() const { return pid_; }      // here
  pid_t inner() const { return inner_; }  // in its namespace, the same as at home
  Tracee& tracee() { return *tracee_; }
  Scratch& scratch() { return *scratch_; }

  // Made in the body, which keeps it: closing the last copy would turn missing pages into zeros.
  UniqueFd take_userfaultfd() { return std::move(userfaultfd_); }
  // A copy of a descriptor of the body.
  UniqueFd fetch(int descriptor) const;

  // The next task that the body makes gets this number of its namespace, if it is free. false: the
  // guest cannot have it so.
  [[nodiscard]] bool set_next_number(pid_t number);

  // Kills the body with all its threads and reaps them. Idempotent; does not throw.
  void kill();

 private:
  static void make_namespaces(const ClockOffsets& clocks);
  void start_init();
  void start_stub();
  void prepare(RemoteAddr scratch);
  void end_init();

  pid_t inner_;
  pid_t pid_ = 0;
  pid_t init_ = 0;
  UniqueFd lifeline_;  // to init, which ends when it is closed
  UniqueFd pidfd_;
  UniqueFd userfaultfd_;
  std::optional<Tracee> tracee_;
  std::optional<Scratch> scratch_;
};

}  // namespace starling::migrate
