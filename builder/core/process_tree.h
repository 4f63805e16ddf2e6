// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <vector>

namespace starling::builder {

// The processes below `root` in the tree of parents at this moment, `root` not included. A
// snapshot: what forks meanwhile is missed, so callers look again.
std::vector<pid_t> descendants(pid_t root);

// Ends (SIGTERM, SIGKILL after 2 s) every process whose root or working directory lies in `dir`,
// never the caller itself. Services that a package started in a chroot would else keep its mounts
// busy. Returns how many were found.
int end_processes_in(const std::filesystem::path& dir);

}  // namespace starling::builder
