// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>

#include "agents/common/link.h"

namespace starling::daemon {

// What this machine was in the flock, kept in the state directory through restarts.
struct Remembered {
  std::uint16_t number = 0;   // 0: none
  std::uint64_t uid = 0;      // of the session before; 0: unknown
  std::uint64_t machine = 0;  // 0: unknown
};

// Reads `dir`/number: lines "number 3", "uid HEX", "machine HEX". A file that is missing or
// damaged is nothing remembered.
Remembered read_remembered(const std::filesystem::path& dir);
// Replaces it as a whole. Throws std::system_error.
void write_remembered(const std::filesystem::path& dir, const Remembered& what);

// The smallest permanent hardware address; where no driver tells one, the smallest there is.
std::optional<std::array<std::uint8_t, 6>> machine_mac(const std::map<std::uint32_t, Link>& links);

// The same for every start of this machine and different for every other: a hash of its
// machine_mac(); without any, of /etc/machine-id with the boot's random id mixed in
// (a live image's machine-id is the same on all). Never 0.
std::uint64_t machine_identity(const std::map<std::uint32_t, Link>& links);

// Never 0; from the system's random source.
std::uint64_t fresh_uid();

}  // namespace starling::daemon
