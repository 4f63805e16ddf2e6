// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <set>

#include "agents/migrate/scratch.h"
#include "agents/migrate/state.pb.h"
#include "agents/migrate/tracee.h"

namespace starling::migrate {

// Makes the deputy what its body has become: layout, signal actions, threads; the contents of pages
// are written with write_page() between begin() and finish(). From begin() on the old state is
// lost: if anything throws, the process must be killed.
class Homecoming {
 public:
  // `take_up` as DeputyCalls::to_take_up(). All threads are stopped and idle.
  Homecoming(Tracee& tracee, Scratch& scratch, pb::ProcessState state, std::set<pid_t> take_up);

  const pb::ProcessState& state() const { return state_; }
  void begin();
  void write_page(RemoteAddr at, Bytes data);
  // Unmaps the scratch area; the threads run on at home when they are let go.
  void finish();

 private:
  std::uint64_t heap_end_away() const;
  std::uint64_t brk(std::uint64_t to);
  void set_heap_end(std::uint64_t wanted);
  void unmap_what_is_gone();
  void map_what_is_new();
  void protect();
  void restore_actions();
  void restore_thread(const pb::ThreadState& thread);

  Tracee& tracee_;
  Scratch& scratch_;
  pb::ProcessState state_;
  std::set<pid_t> take_up_;
};

}  // namespace starling::migrate
