// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "agents/common/unique_fd.h"

namespace starling::vm {

using Clock = std::chrono::steady_clock;

// A Unix stream socket that carries one JSON text a line: QMP and the guest agent. Every call is
// bounded by a deadline and by an interrupt of the run (builder::Interrupted).
class LineSocket {
 public:
  // Connects, trying again until the deadline while nobody listens. Throws builder::Error.
  LineSocket(const std::filesystem::path& path, Clock::time_point deadline);

  // Throws builder::Error when the peer is gone.
  void send(std::string_view bytes, Clock::time_point deadline);
  // The next line without its end; nothing when the deadline passes first. Throws builder::Error
  // when the peer is gone or sends a line of more than 64 MiB.
  std::optional<std::string> receive(Clock::time_point deadline);

 private:
  UniqueFd fd_;
  std::string buffer_;
};

}  // namespace starling::vm
