// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>

namespace starling::vm {

// Sleeps for `time`; throws builder::Interrupted as soon as the run is interrupted.
void pause_for(std::chrono::milliseconds time);

}  // namespace starling::vm
