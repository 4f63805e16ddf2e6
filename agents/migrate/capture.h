// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "agents/migrate/scratch.h"
#include "agents/migrate/state.pb.h"
#include "agents/migrate/tracee.h"

namespace starling::migrate {

// What home says before the process stops: who it is and what the guest must be able to do.
// Throws ProcessGone, StaysHome.
pb::Hello describe(pid_t pid, RemoteAddr scratch, std::uint32_t home_node);

// Everything of the frozen process but its memory; of that only the pages the first instructions
// need. Pending signals are taken out of the process and are in the state only: give_back() if
// the process goes on at home after all. Throws StaysHome.
pb::ProcessState capture(Tracee& tracee, Scratch& scratch);

// Queues the pending signals of `state` in the process again, exactly as they were.
void give_back_signals(Scratch& scratch, const pb::ProcessState& state);

}  // namespace starling::migrate
