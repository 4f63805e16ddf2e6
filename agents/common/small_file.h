// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

namespace starling {

// The first `limit` bytes of a file; nullopt when it cannot be read. For small files of /proc,
// /sys, /etc and /run, where absence is an ordinary answer.
std::optional<std::string> read_small_file(const std::filesystem::path& path,
                                           std::size_t limit = 64 * 1024);

// Replaces a file as a whole: written beside it, synced, renamed over it. A crash leaves the old
// content or the new, never half. Throws std::system_error.
void write_file_atomically(const std::filesystem::path& path, const std::string& content,
                           mode_t mode);

}  // namespace starling
