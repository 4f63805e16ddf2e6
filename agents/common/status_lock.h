// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>

#include "agents/common/unique_fd.h"

namespace starling {

// Tells whether the program that wrote a status file still runs. It holds a lock on a file beside
// it (fcntl(2), open file description locks), which the kernel lets go of however it ends; a pid
// would be somebody else's one day.

// Throws std::runtime_error when another process holds it, std::system_error.
UniqueFd hold_status_lock(const std::filesystem::path& file);
// Takes nothing and waits for nothing.
bool status_lock_held(const std::filesystem::path& file);

}  // namespace starling
