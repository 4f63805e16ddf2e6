// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "agents/common/unique_fd.h"

namespace starling {

inline constexpr const char* kControlSocket = "/run/starling/control.sock";

// No daemon answers on the socket.
struct DaemonNotRunning : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Blocking client of a ControlServer, for command-line tools and other agents.
class ControlClient {
 public:
  // Throws DaemonNotRunning. `timeout_ms` bounds every later wait for an answer.
  explicit ControlClient(const std::filesystem::path& path = kControlSocket, int timeout_ms = 5000);

  // Sends one request, e.g. {"cmd":"nodes"}, and returns the answer with "ok" in it. Throws
  // DaemonNotRunning when the daemon goes away, std::runtime_error when it does not answer in time
  // or not in JSON.
  nlohmann::json ask(const nlohmann::json& request);

 private:
  UniqueFd fd_;
  std::string in_;
  int timeout_ms_;
};

}  // namespace starling
