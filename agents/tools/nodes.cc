// SPDX-License-Identifier: GPL-2.0-or-later
#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iostream>

#include "agents/common/clock.h"
#include "agents/tools/command.h"
#include "agents/tools/table.h"

namespace starling::tools {

using nlohmann::json;

namespace {
struct Options {
  bool all = false;
  std::size_t wait = 0;
  double timeout = 30;  // seconds
};
}  // namespace

static double number_of(const std::string& option, const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0) || value > 1e6) {
    throw UsageError(option + ": \"" + text + "\" is no number");
  }
  return value;
}

static Options parse(const std::vector<std::string>& arguments) {
  Options o;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    std::string value;
    bool has_value = false;
    if (const std::size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
      has_value = true;
    }
    if (name == "--all" || name == "-a") {
      o.all = true;
      continue;
    }
    if (name != "--wait" && name != "--timeout") {
      throw UsageError("nodes: unknown argument \"" + name + "\"");
    }
    if (!has_value) {
      if (++i == arguments.size()) throw UsageError(name + " needs a number");
      value = arguments[i];
    }
    const double n = number_of(name, value);
    if (name == "--wait") {
      o.wait = static_cast<std::size_t>(n);
    } else {
      o.timeout = n;
    }
  }
  return o;
}

static bool described(const json& node) {
  return node.value("number", 0) != 0 && !node.value("hostname", "").empty();
}

// Enough nodes, and each has a number and has said what it is.
static bool complete(const json& answer, std::size_t wanted) {
  const json& list = answer.at("nodes");
  const auto n = std::count_if(list.begin(), list.end(), [](const json& node) {
    return (node.value("state", "") == "alive" || node.value("state", "") == "suspect") &&
           described(node);
  });
  return static_cast<std::size_t>(n) >= wanted;
}

static std::string short_image(const std::string& image) {
  return image.empty() ? "-" : printable(image.substr(0, 12));
}

static void print_table(const json& answer) {
  using Align = Table::Align;
  Table table;
  table.column("NODE", Align::kRight);
  table.column("HOST");
  table.column("STATE");
  table.column("CPUS", Align::kRight);
  table.column("SPEED", Align::kRight);
  table.column("LOAD", Align::kRight);
  table.column("MEMORY", Align::kRight);
  table.column("AGE", Align::kRight);
  table.column("IMAGE");
  table.column("ADDRESS");
  std::vector<json> list(answer.at("nodes").begin(), answer.at("nodes").end());
  // Those without a number yet go last.
  std::stable_sort(list.begin(), list.end(), [](const json& a, const json& b) {
    return a.value("number", 0u) - 1u < b.value("number", 0u) - 1u;
  });
  for (const json& n : list) {
    const unsigned number = n.value("number", 0u);
    const std::string mark = n.value("self", false) ? "*" : "";
    char load[32];
    std::snprintf(load, sizeof load, "%.2f", n.value("load", 0.0));
    const bool known = n.value("memory_total", std::uint64_t{0}) != 0;
    const std::string interface = n.value("interface", "");
    table.row({mark + (number ? std::to_string(number) : "-"),
               n.value("hostname", "").empty() ? "-" : printable(n.value("hostname", "")),
               n.value("state", "?"), known ? std::to_string(n.value("cpus", 0)) : "-",
               n.value("speed", 0) ? std::to_string(n.value("speed", 0)) : "-", load,
               known ? human_bytes(n.value("memory_used", std::uint64_t{0})) + "/" +
                           human_bytes(n.value("memory_total", std::uint64_t{0}))
                     : "-",
               human_seconds(n.value("age", 0.0)), short_image(n.value("image", "")),
               n.value("address", "") + (interface.empty() ? "" : "%" + interface)});
  }
  table.print(std::cout);
}

int run_nodes(const Context& context) {
  const Options o = parse(context.arguments);
  const TimeNs deadline = monotonic_ns() + static_cast<TimeNs>(o.timeout * kSecond);
  const json request = {{"cmd", "nodes"}, {"all", o.all}};
  json answer;
  bool enough = true;
  while (true) {
    try {
      answer = context.ask(request);
      enough = complete(answer, o.wait);
      if (o.wait == 0 || enough || monotonic_ns() >= deadline) break;
    } catch (const DaemonNotRunning&) {
      // Who waits for a flock also waits for the daemon to come up.
      if (o.wait == 0 || monotonic_ns() >= deadline) throw;
    }
    const timespec pause{0, 100 * kMillisecond};
    nanosleep(&pause, nullptr);
  }
  if (context.json) {
    std::cout << answer.dump(2) << "\n";
  } else {
    print_table(answer);
  }
  if (o.wait != 0 && !enough) {
    std::cerr << "mosctl: not " << o.wait << " nodes after " << human_seconds(o.timeout) << "\n";
    return kFailure;
  }
  return kOk;
}

}  // namespace starling::tools
