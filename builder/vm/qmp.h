// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>

#include <string>

#include "builder/vm/line_socket.h"

namespace starling::vm {

// A line of the QEMU Machine Protocol (docs/interop/qmp-spec in QEMU's source), told apart.
struct QmpMessage {
  enum class Kind { greeting, reply, error, event };
  Kind kind;
  nlohmann::json body;  // greeting: "QMP"; reply: "return"; error: "error"; event: the whole
};

// Throws builder::Error for anything that is not QMP.
QmpMessage parse_qmp(const std::string& line);

// QEMU's control connection.
class Qmp {
 public:
  // Connects, takes the greeting and leaves negotiation mode. Throws builder::Error.
  Qmp(const std::filesystem::path& socket, std::chrono::milliseconds limit);

  // Runs a command and gives its "return". Throws builder::Error with QEMU's own words.
  nlohmann::json run(const std::string& command,
                     const nlohmann::json& arguments = nlohmann::json::object(),
                     std::chrono::milliseconds limit = std::chrono::seconds(10));

  const std::string& qemu_version() const { return version_; }

 private:
  QmpMessage next(Clock::time_point deadline);

  LineSocket socket_;
  std::string version_;
};

}  // namespace starling::vm
