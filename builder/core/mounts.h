// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace starling::builder {

// Mount points at or below `dir` in this process's mount namespace, deepest first (from
// /proc/self/mountinfo). `dir` must be absolute and free of symbolic links.
std::vector<std::filesystem::path> mounts_below(const std::filesystem::path& dir);

// Unmounts them all, lazily where they are busy. Returns how many there were; throws Error when
// one stays.
int unmount_below(const std::filesystem::path& dir);

// Removes a tree after undoing the mounts and ending the processes in it. Refuses to remove
// anything while something is still mounted inside: behind a bind mount lies the host.
void remove_tree(const std::filesystem::path& dir);

// Puts this process into a mount namespace of its own, in which mounts of the host still appear
// but ours do not reach the host: they end with the last process of the build, however it ends.
// Must be called before other threads start. False without the privilege.
bool enter_own_mount_namespace();

}  // namespace starling::builder
