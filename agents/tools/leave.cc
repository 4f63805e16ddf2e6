// SPDX-License-Identifier: GPL-2.0-or-later
#include <iostream>

#include "agents/tools/command.h"

namespace starling::tools {

int run_leave(const Context& context) {
  if (!context.arguments.empty()) throw UsageError("leave takes no arguments");
  const nlohmann::json answer = context.ask({{"cmd", "leave"}});
  if (context.json) std::cout << answer.dump(2) << "\n";
  return kOk;
}

}  // namespace starling::tools
