// SPDX-License-Identifier: GPL-2.0-or-later
#include <iostream>

#include "agents/tools/command.h"
#include "agents/tools/table.h"

namespace starling::tools {

using nlohmann::json;

int run_whois(const Context& context) {
  if (context.arguments.size() != 1) {
    throw UsageError("whois takes one node: its number, host name or address, or \"self\"");
  }
  const std::string& who = context.arguments[0];
  const json answer = context.ask({{"cmd", "whois"}, {"who", who}});
  if (answer.at("node").is_null()) {
    std::cerr << "mosctl: no node \"" << printable(who) << "\" in this flock\n";
    return kNoSuchNode;
  }
  const json& n = answer.at("node");
  if (context.json) {
    std::cout << n.dump(2) << "\n";
    return kOk;
  }
  const unsigned number = n.value("number", 0u);
  const auto bytes = [&](const char* name) { return human_bytes(n.value(name, std::uint64_t{0})); };
  std::cout << "node      " << (number ? std::to_string(number) : "none yet")
            << (n.value("self", false) ? " (this one)" : "") << "\n"
            << "host      " << printable(n.value("hostname", "")) << "\n"
            << "state     " << n.value("state", "") << ", for "
            << human_seconds(n.value("in_state", 0.0)) << "\n"
            << "address   " << n.value("address", "") << "%" << n.value("interface", "") << "\n"
            << "cpus      " << n.value("cpus", 0) << ", speed " << n.value("speed", 0) << "\n"
            << "load      " << n.value("load", 0.0) << "\n"
            << "memory    " << bytes("memory_used") << " of " << bytes("memory_total") << " used\n"
            << "age       " << human_seconds(n.value("age", 0.0)) << "\n"
            << "version   " << printable(n.value("version", "")) << "\n"
            << "image     " << printable(n.value("image", "")) << "\n"
            << "session   " << n.value("uid", "") << "\n"
            << "machine   " << n.value("machine", "") << "\n";
  return kOk;
}

}  // namespace starling::tools
