// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/tools/netboot.h"

#include <ctime>
#include <iostream>

#include "agents/tools/command.h"
#include "agents/tools/table.h"

namespace starling::tools {

using nlohmann::json;

static std::string text(const json& object, const char* name) {
  return printable(object.value(name, ""));
}

// What is first on a line; the lines of one thing after its first have nothing there.
static std::string label(const char* name, bool first) {
  std::string out = first ? name : "";
  out.resize(10, ' ');
  return out;
}

static std::string how_far(const json& file) {
  const auto size = file.value("size", std::uint64_t{0}),
             have = file.value("have", std::uint64_t{0});
  const auto state = text(file, "state");
  if (state == "complete" || size == 0) return state;
  const auto from = text(file, "from");
  return state + ", " + human_bytes(have) + " of " + human_bytes(size) +
         (from.empty() ? "" : " from " + from);
}

void print_netboot(const json& s, long now, std::ostream& out) {
  out << label("role", true) << text(s, "role") << ": " << text(s, "why") << "\n";
  bool first = true;
  for (const json& link : s.value("links", json::array())) {
    const auto other = text(link, "other_server");
    out << label("answers", first) << "machines on " << text(link, "interface") << " from "
        << text(link, "address") << ", "
        << (text(link, "mode") == "proxy"
                ? "beside DHCP server " + (other.empty() ? "of unknown address" : other)
                : std::string("giving addresses"))
        << "\n";
    first = false;
  }
  const json files = s.value("files", json::array());
  if (!files.empty()) {
    std::size_t complete = 0;
    for (const json& file : files) complete += text(file, "state") == "complete";
    out << label("files", true) << complete << " of " << files.size() << " complete";
    const auto problem = text(s, "files_problem");
    out << (problem.empty() ? "" : "; " + problem) << "\n";
    for (const json& file : files)
      if (text(file, "state") != "complete")
        out << label("", false) << text(file, "name") << ": " << how_far(file) << "\n";
  }
  const json clients = s.value("clients", json::array());
  first = true;
  for (const json& client : clients) {
    const json last = client.value("last", json::object());
    const auto file = text(last, "file");
    const auto age = now - last.value("time", now);
    out << label("served", first) << text(client, "client") << ": " << text(last, "stage")
        << (file.empty() ? "" : " " + file) << " " << text(last, "result") << ", "
        << human_seconds(static_cast<double>(age < 0 ? 0 : age)) << " ago\n";
    first = false;
  }
}

int run_netboot(const Context& context) {
  if (!context.arguments.empty()) throw UsageError("netboot takes no arguments");
  const json status = context.ask({{"cmd", "netboot"}}).at("netboot");
  if (context.json)
    std::cout << status.dump(2) << "\n";
  else
    print_netboot(status, std::time(nullptr), std::cout);
  return kOk;
}

}  // namespace starling::tools
