// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "agents/common/control_client.h"

namespace starling::tools {

// mosctl's exit statuses, for scripts; mosctl(1).
enum ExitStatus : int {
  kOk = 0,
  kFailure = 1,
  kUsage = 2,
  kNotRunning = 3,
  kNoSuchNode = 4,
  kNoSuchProcess = 5,
  kDenied = 6,
};

// The command line is wrong; told with a pointer to --help.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What every command may want.
struct Context {
  std::filesystem::path socket = kControlSocket;
  bool json = false;
  std::vector<std::string> arguments;  // after the command's name

  // Asks the daemon; an answer with "ok":false becomes a std::runtime_error.
  nlohmann::json ask(const nlohmann::json& request) const;
};

// One per command; registered in commands.cc.
struct Command {
  const char* name;
  const char* arguments;  // as in the usage line
  const char* summary;
  int (*run)(const Context& context);
};

const std::vector<Command>& commands();

int run_block(const Context& context);
int run_bring(const Context& context);
int run_expel(const Context& context);
int run_leave(const Context& context);
int run_lock(const Context& context);
int run_netboot(const Context& context);
int run_nodes(const Context& context);
int run_stats(const Context& context);
int run_status(const Context& context);
int run_unlock(const Context& context);
int run_version(const Context& context);
int run_where(const Context& context);
int run_whois(const Context& context);
int run_why(const Context& context);

}  // namespace starling::tools
