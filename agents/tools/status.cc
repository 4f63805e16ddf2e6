// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdio>
#include <iostream>

#include "agents/tools/command.h"
#include "agents/tools/table.h"

namespace starling::tools {

using nlohmann::json;

int run_status(const Context& context) {
  if (!context.arguments.empty()) throw UsageError("status takes no arguments");
  const json s = context.ask({{"cmd", "status"}});
  if (context.json) {
    std::cout << s.dump(2) << "\n";
    return kOk;
  }
  const unsigned number = s.value("number", 0u);
  std::cout << "node      " << (number ? std::to_string(number) : "none yet") << "\n"
            << "flock     " << s.value("flock", "") << ": " << s.value("alive", 0) << " alive, "
            << s.value("known", 0) << " known\n"
            << "state     " << s.value("state", "") << ", for "
            << human_seconds(s.value("uptime", 0.0)) << "\n"
            << "version   " << s.value("version", "")
            << (s.value("image", "").empty() ? "" : ", image " + printable(s.value("image", "")))
            << "\n";
  char late[32];
  std::snprintf(late, sizeof late, "%.1f", 1000 * s.value("worst_late", 0.0));
  std::cout << "liveness  " << (s.value("realtime", false) ? "real-time" : "NOT real-time")
            << ", at most " << late << " ms late\n";
  for (const json& link : s.at("interfaces")) {
    std::cout << "link      " << printable(link.value("name", "")) << ": "
              << (link.value("in_use", false) ? link.value("address", "")
                                              : link.value("why_not", ""))
              << "\n";
  }
  // Nothing refused is nothing to read about.
  const json& c = s.at("counters").at("channel");
  std::string refused;
  for (const char* name : {"foreign_flock", "forged", "replayed", "stale_response", "unproven",
                           "malformed", "rate_limited"}) {
    if (const auto n = c.value(name, std::uint64_t{0})) {
      refused += (refused.empty() ? "" : ", ") + std::to_string(n) + " " + name;
    }
  }
  std::cout << "datagrams " << c.value("sent", std::uint64_t{0}) << " sent, "
            << c.value("delivered", std::uint64_t{0})
            << " taken; refused: " << (refused.empty() ? "none" : refused) << "\n";
  return kOk;
}

}  // namespace starling::tools
