// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/version.h"

#include <iostream>

#include "agents/tools/command.h"

namespace starling::tools {

int run_version(const Context& context) {
  if (!context.arguments.empty()) throw UsageError("version takes no arguments");
  // Without a daemon there is still something to say.
  nlohmann::json out = {{"mosctl", kProgramVersion}, {"starlingd", nullptr}};
  try {
    out["starlingd"] = context.ask({{"cmd", "version"}}).at("version");
  } catch (const DaemonNotRunning&) {
  }
  if (context.json) {
    std::cout << out.dump(2) << "\n";
  } else {
    std::cout << "mosctl    " << kProgramVersion << "\nstarlingd "
              << (out["starlingd"].is_null() ? "not running" : out["starlingd"].get<std::string>())
              << "\n";
  }
  return kOk;
}

}  // namespace starling::tools
