// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

namespace starling::migrate {

inline constexpr std::uint32_t kProtocolVersion = 1;

// Types of the frames on the control connection; docs/MIGRATION.md has the state machine. The page
// connections have types of their own (page_wire.h).
enum FrameType : std::uint8_t {
  kHello = 1,        // home: pb::Hello
  kWelcome = 2,      // guest: pb::Welcome
  kState = 3,        // home: pb::ProcessState; the process is stopped
  kReady = 4,        // guest: the body is built and has not run
  kRefused = 5,      // guest: pb::Welcome with the error; the process goes on at home
  kRun = 6,          // home: the commit point
  kCall = 7,         // guest: a forwarded call (call_codec.h)
  kResult = 8,       // home: its result
  kSignal = 9,       // home: pb::Signal for the body
  kInterrupt = 10,   // guest: 4 bytes tid; a signal waits for a thread in a forwarded call
  kThreadExit = 11,  // guest: 4 bytes tid
  kExitGroup = 12,   // guest: 4 bytes tid, 4 bytes status
  kWantHome = 13,    // guest: pb::HomeReason
  kStop = 14,        // home: stop the body for coming home
  kHomeState = 15,   // guest: pb::ProcessState
  kHomeDone = 16,    // home: the process runs at home; the guest may forget the body
  kPages = 17,       // guest: 8 bytes address, data; before kHomeState the body still runs
  kPagesEnd = 18,
  kClock = 19,  // guest: empty, asks; home: 8 bytes CLOCK_MONOTONIC, 8 bytes CLOCK_BOOTTIME, ns
  kPrepareHome = 40,  // home: send ahead what was written
  kPagesTaken = 41,   // home: 4 bytes; so many bytes of contents sent ahead were written
  kReadyHome = 42,    // guest: so little is left that the body may be stopped for it
  kPageHello = 30,    // home, first on a page connection: 1 byte purpose (d, b), the token
};

}  // namespace starling::migrate
