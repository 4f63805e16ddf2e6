// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include "agents/migrate/scratch.h"
#include "agents/migrate/tracee.h"

namespace starling::migrate {

// One thread ends as it did in the body. It is stopped and idle.
void exit_thread(Tracee& tracee, Scratch& scratch, pid_t tid);
// The process ends with exit_group(2), so that its parent gets the status it would have got. Waits
// until all threads are gone; the wait status its parent gets.
int exit_process(Tracee& tracee, Scratch& scratch, int status);
// The body is lost with what it computed: the process ends as if killed.
void kill_process(Tracee& tracee);

}  // namespace starling::migrate
