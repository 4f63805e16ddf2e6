// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "builder/vm/line_socket.h"

namespace starling::vm {

// What a program run in a guest left behind.
struct GuestResult {
  int status = 0;  // exit status, or 128 + the signal's number
  std::string out;
  std::string err;
};

// Reads guest-exec-status's "return"; nothing while the program still runs. Throws builder::Error.
std::optional<GuestResult> parse_exec_status(const nlohmann::json& reply);

// The bytes of a base64 text. Throws builder::Error on any other character or length.
std::string decode_base64(std::string_view text);

// The QEMU guest agent of one machine (package qemu-guest-agent in the image): programs run in
// the guest without any network. A guest that is still booting simply does not answer.
class GuestAgent {
 public:
  // `socket`: the host end of org.qemu.guest_agent.0.
  explicit GuestAgent(std::filesystem::path socket) : path_(std::move(socket)) {}

  // Whether the agent answers within `limit`. Throws only on interrupt.
  bool answers(std::chrono::milliseconds limit);
  // Runs a program and waits for its end. Throws builder::Error when the agent does not answer,
  // the program cannot be started or does not end within `limit`.
  GuestResult run(const std::vector<std::string>& argv,
                  std::chrono::milliseconds limit = std::chrono::seconds(60));
  // run() of /bin/sh -c.
  GuestResult shell(const std::string& script,
                    std::chrono::milliseconds limit = std::chrono::seconds(60)) {
    return run({"/bin/sh", "-c", script}, limit);
  }

 private:
  void synchronise(Clock::time_point deadline);
  nlohmann::json call(const std::string& command, const nlohmann::json& arguments,
                      Clock::time_point deadline);

  std::filesystem::path path_;
  std::optional<LineSocket> socket_;
  int next_id_ = 1;
};

}  // namespace starling::vm
