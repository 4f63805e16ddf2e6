// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

#include "agents/common/clock.h"

namespace starling {

// Tells the service manager something ("READY=1", "WATCHDOG=1", "STATUS=...", lines joined by
// '\n') by one datagram to $NOTIFY_SOCKET, as sd_notify(3) documents. Does nothing without a
// service manager. Never blocks.
void notify_manager(const std::string& state);

// How often the service manager wants to hear WATCHDOG=1 ($WATCHDOG_USEC); nullopt: never.
std::optional<TimeNs> watchdog_period();

}  // namespace starling
