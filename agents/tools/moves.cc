// SPDX-License-Identifier: GPL-2.0-or-later
// mosctl's commands about moved processes.
#include <iostream>

#include "agents/tools/command.h"
#include "agents/tools/move_client.h"
#include "agents/tools/table.h"

namespace starling::tools {

using nlohmann::json;

static void print_json(const json& answer) {
  std::cout << answer.dump(2) << "\n";
}

static pid_t only_process(const Context& context, const char* command) {
  if (context.arguments.size() != 1) {
    throw UsageError(std::string(command) + " takes one process number");
  }
  return process_number(context.arguments[0]);
}

static void no_arguments(const Context& context, const char* command) {
  if (!context.arguments.empty()) throw UsageError(std::string(command) + " takes no arguments");
}

int run_where(const Context& context) {
  const pid_t pid = only_process(context, "where");
  const json answer = ask_move(context.socket, {{"cmd", "where"}, {"pid", pid}});
  if (context.json) {
    print_json(answer);
    return kOk;
  }
  const int home = answer.value("home", 0);
  const int self = answer.value("node", 0);
  if (!answer.value("away", false)) {
    std::cout << "process " << pid << " is at home"
              << (answer.value("locked", false) ? ", locked" : "") << "\n";
  } else if (answer.value("guest", false)) {
    std::cout << "process " << pid << " is a guest: process " << answer.value("home_pid", 0)
              << " of node " << home << "\n";
  } else {
    std::cout << "process " << pid << " is on node " << self << "\n";
  }
  return kOk;
}

int run_why(const Context& context) {
  const pid_t pid = only_process(context, "why");
  const json answer = ask_move(context.socket, {{"cmd", "why"}, {"pid", pid}});
  const bool can = answer.value("can_move", false);
  if (context.json) {
    print_json(answer);
  } else if (can) {
    std::cout << "process " << pid << " can move\n";
  } else {
    std::cout << "process " << pid << " stays: " << printable(answer.value("why", "")) << "\n";
  }
  return can ? kOk : kFailure;
}

static int run_lock_or_unlock(const Context& context, const char* command) {
  const pid_t pid = only_process(context, command);
  const json answer = ask_move(context.socket, {{"cmd", command}, {"pid", pid}});
  if (context.json) print_json(answer);
  return kOk;
}

int run_lock(const Context& context) {
  return run_lock_or_unlock(context, "lock");
}
int run_unlock(const Context& context) {
  return run_lock_or_unlock(context, "unlock");
}

static int run_all_home(const Context& context, const char* command, const char* what) {
  no_arguments(context, command);
  const json answer = ask_move(context.socket, {{"cmd", command}});
  if (context.json) {
    print_json(answer);
  } else {
    std::cout << answer.value("moved", 0) << what << "\n";
  }
  return kOk;
}

int run_bring(const Context& context) {
  return run_all_home(context, "bring", " processes came home");
}
int run_expel(const Context& context) {
  return run_all_home(context, "expel", " guests were sent home");
}

int run_block(const Context& context) {
  json request = {{"cmd", "block"}};
  if (context.arguments.size() == 1 &&
      (context.arguments[0] == "on" || context.arguments[0] == "off")) {
    request["on"] = context.arguments[0] == "on";
  } else if (!context.arguments.empty()) {
    throw UsageError("block takes \"on\" or \"off\"");
  }
  const json answer = ask_move(context.socket, request);
  if (context.json) {
    print_json(answer);
  } else {
    std::cout << (answer.value("blocked", false) ? "no guests are taken\n" : "guests are taken\n");
  }
  return kOk;
}

int run_stats(const Context& context) {
  no_arguments(context, "stats");
  const json answer = ask_move(context.socket, {{"cmd", "movestats"}});
  if (context.json) {
    print_json(answer);
    return kOk;
  }
  for (const auto& [name, value] : answer.at("totals").items()) {
    std::cout << name << std::string(name.size() < 18 ? 18 - name.size() : 1, ' ') << value << "\n";
  }
  // What the helpers measure is theirs to name.
  const auto figures = [](const std::string& head, const json& stats) {
    std::cout << head << "\n";
    for (const auto& [name, value] : stats.items()) {
      std::cout << "  " << printable(name) << " " << printable(value.dump()) << "\n";
    }
  };
  for (const json& p : answer.at("moved")) {
    figures("process " + std::to_string(p.value("pid", 0)) + " (" + printable(p.value("comm", "")) +
                "), node " + std::to_string(p.value("node", 0)),
            p.at("stats"));
  }
  for (const json& g : answer.at("guests")) {
    figures("guest " + std::to_string(g.value("pid", 0)) + " (" + printable(g.value("comm", "")) +
                ") of node " + std::to_string(g.value("home", 0)),
            g.at("stats"));
  }
  return kOk;
}

}  // namespace starling::tools
