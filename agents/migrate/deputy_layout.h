// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <map>

#include "agents/migrate/marshalled_call.h"
#include "agents/migrate/scratch.h"
#include "agents/migrate/tracee.h"

namespace starling::migrate {

// What the deputy maps, kept so that the buffers of a forwarded call can be used there: memory that
// the body mapped or unprotected while away is the guest's own affair until a call needs it.
// When the process comes home the layouts are compared and what was added here is undone.
class DeputyLayout {
 public:
  // Reads the present maps. Throws std::system_error.
  DeputyLayout(const Tracee& tracee, Scratch& scratch);

  // Nothing is to be made for `range`.
  bool ready(RemoteRange range, bool write) const;
  // Makes `range` usable by a call that `tid`, which is stopped and idle, is about to make. false:
  // it cannot be made so (the address is not one a process can map).
  [[nodiscard]] bool prepare(pid_t tid, RemoteRange range, bool write);

 private:
  struct Region {
    RemoteAddr end;
    int prot = 0;
  };

  bool map(pid_t tid, RemoteRange range);
  bool protect(pid_t tid, RemoteRange range, int prot);

  Scratch& scratch_;
  std::map<RemoteAddr, Region> regions_;  // by begin; disjoint
};

// The deputy's memory for bringing back what a call wrote; prepare() has made it writable.
class DeputyMemory : public MemoryReader {
 public:
  explicit DeputyMemory(Tracee& tracee) : tracee_(tracee) {}
  std::size_t read(RemoteAddr at, MutableBytes out) override { return tracee_.read_some(at, out); }
  bool writable(RemoteRange) override { return true; }

 private:
  Tracee& tracee_;
};

}  // namespace starling::migrate
