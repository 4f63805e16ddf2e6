// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace starling::daemon {

// What the boot server that runs beside this daemon last wrote of itself in `dir` (status.json),
// for "mosctl netboot"; {"role":"off","why":...} when none runs: what a dead one wrote is no longer
// true. Throws ControlError when it cannot be read.
nlohmann::json netboot_view(const std::filesystem::path& dir);

}  // namespace starling::daemon
