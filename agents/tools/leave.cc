// SPDX-License-Identifier: GPL-2.0-or-later
#include <iostream>

#include "agents/tools/command.h"
#include "agents/tools/move_client.h"
#include "agents/tools/table.h"

namespace starling::tools {

int run_leave(const Context& context) {
  if (!context.arguments.empty()) throw UsageError("leave takes no arguments");
  const nlohmann::json answer = ask_move(context.socket, {{"cmd", "leave"}});
  if (context.json) std::cout << answer.dump(2) << "\n";
  for (const auto& one : answer.value("failed", nlohmann::json::array())) {
    std::cerr << "mosctl: process " << one.value("pid", 0)
              << " did not go home: " << printable(one.value("error", "")) << "\n";
  }
  return kOk;
}

}  // namespace starling::tools
