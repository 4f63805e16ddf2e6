// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <vector>

#include "builder/core/stage.h"

namespace starling::builder {

// Every stage there is, made anew on each call. A build runs those that are published() and what
// they need(), so a stage that does not apply to a Config (the patched kernel under
// `kernel = debian`) is left out simply by nobody needing it.
std::vector<std::unique_ptr<Stage>> all_stages();

}  // namespace starling::builder
