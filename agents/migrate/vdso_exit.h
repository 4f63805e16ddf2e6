// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "agents/migrate/tracee.h"

namespace starling::migrate {

// Lets every stopped thread that is inside a function of the vdso run to its end.
// Such a function keeps pointers into the kernel's time data, which differ between home and the
// time namespace a body lives in: a thread moved in the midst of it would read another clock's, or
// a page that does not exist there (SIGBUS). Signals wait meanwhile.
// A thread inside a signal handler that interrupted the vdso is not found: see docs/MIGRATION.md.
void leave_vdso(Tracee& tracee);

}  // namespace starling::migrate
