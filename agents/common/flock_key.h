// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "agents/common/bytes.h"

namespace starling {

// The secret that makes a machine a member: 32 bytes, wiped on destruction.
class FlockKey {
 public:
  static constexpr std::size_t kSize = 32;

  explicit FlockKey(const std::array<std::uint8_t, kSize>& bytes) : bytes_(bytes) {}
  FlockKey(const FlockKey&) = default;
  FlockKey& operator=(const FlockKey&) = default;
  ~FlockKey();

  Bytes bytes() const { return bytes_; }

 private:
  std::array<std::uint8_t, kSize> bytes_;
};

// 64 hexadecimal digits, white space around them allowed. Throws std::runtime_error that names
// `origin` and never repeats the text, which is a secret.
FlockKey parse_flock_key(std::string_view text, const std::string& origin);

// Reads a key file. Refuses one that group or others may read, that belongs to another user, or
// that is not a plain file; throws std::runtime_error with what to do about it.
FlockKey load_flock_key(const std::filesystem::path& path);

// Value of the last `name=` on a kernel command line; nullopt when absent or empty.
std::optional<std::string> kernel_parameter(std::string_view cmdline, std::string_view name);

// A flock's name is shown to people and separates flocks that share a key: 1 to 32 characters of
// letters, digits, '.', '_' and '-'. Throws std::runtime_error that names `origin`.
void check_flock_name(const std::string& name, const std::string& origin);

}  // namespace starling
