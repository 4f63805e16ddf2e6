// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <csignal>
#include <map>

#include "agents/migrate/body_builder.h"
#include "agents/migrate/body_clocks.h"
#include "agents/migrate/frame_channel.h"
#include "agents/migrate/page_sink.h"
#include "agents/migrate/state.pb.h"

namespace starling::migrate {

// What a body became while it was away, taken from it when all its threads are stopped.
struct Harvest {
  pb::ProcessState state;  // for kHomeState
  RemoteRanges dirty;      // what send_pages() has to send
};

// Threads' signals that were taken from the kernel and not delivered; by number here.
using HeldSignals = std::map<pid_t, siginfo_t>;

// Takes the body apart: its pending signals are in the state afterwards, and the sink is stopped.
// Throws ProcessGone, std::system_error.
Harvest harvest(EmptyBody& body, BodyParts& parts, PageSink& sink, const BodyClocks& clocks,
                const HeldSignals& held);

// kPages as often as needed. Bytes of contents sent.
std::uint64_t send_pages(Tracee& tracee, const RemoteRanges& dirty, FrameChannel& control);

// A thread whose call was interrupted makes it again when it goes on: what the kernel does before
// it returns to user mode (arch/x86/kernel/signal.c), done here because the thread goes on
// elsewhere.
void restart_interrupted_call(Registers& registers);

}  // namespace starling::migrate
