// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace starling::builder {

// Takes out of a root file system what tells when, where and how it was built: logs, package
// caches and backups, locks, host keys, machine id. Password ageing dates become the day of
// `epoch` (seconds). Called at the end of each rootfs stage.
void clean_tree(const std::filesystem::path& root, long epoch);

// /etc/shadow with the last-changed day of every account that has one set to `day`.
std::string with_fixed_ageing(std::string_view shadow, long day);

}  // namespace starling::builder
