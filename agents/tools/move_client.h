// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "agents/tools/command.h"

namespace starling::tools {

// Longer than the daemon waits for a helper.
inline constexpr int kMoveTimeoutMs = 40'000;

// A request that was refused; the exit status tells scripts of what kind that was.
struct Refused : std::runtime_error {
  Refused(int status_, const std::string& text) : std::runtime_error(text), status(status_) {}
  int status;
};

// Asks the daemon and waits long enough for a move; "ok":false becomes Refused.
nlohmann::json ask_move(const std::filesystem::path& socket, const nlohmann::json& request);

// Throws UsageError when `text` is no process number.
pid_t process_number(const std::string& text);

// main() of a small tool: runs it and turns what it throws into a line on standard error and an
// exit status.
int guarded(const char* tool, const std::function<int()>& run);

}  // namespace starling::tools
