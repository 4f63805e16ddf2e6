// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "agents/migrate/scratch.h"
#include "agents/migrate/tracee.h"

namespace starling::migrate {

// One more thread in the deputy, made by `maker`, which is stopped and idle, and with what a thread
// inherits from its maker (priority, processors, name, credentials). It is stopped and must never
// run on from where it stands: that is its maker's stack. Its number, or -errno of clone(2).
std::int64_t start_thread(Tracee& tracee, Scratch& scratch, pid_t maker);

}  // namespace starling::migrate
