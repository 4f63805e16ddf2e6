// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>

#include "builder/core/status.h"
#include "builder/stages/private_apt.h"

namespace starling::builder {

// Runs `build`. If it fails because the mirror no longer has the recorded state (an Error with
// `mirror_moved`), says so, records the mirror's new state and runs it once more: a stage that
// needs packages again cannot have the old ones. Every other failure, and a second one, is thrown
// on; so is the first if no state was recorded yet.
void build_on_current_mirror(PrivateApt& apt, Status& status, const std::function<void()>& build);

}  // namespace starling::builder
