// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/tools/command.h"

namespace starling::tools {

const std::vector<Command>& commands() {
  static const std::vector<Command> list = {
      {"nodes", "[--all] [--wait N] [--timeout S]",
       "the nodes of the flock and how loaded they are", run_nodes},
      {"status", "", "this node: its number, its links, and what was refused on the wire",
       run_status},
      {"whois", "NUMBER|HOST|ADDRESS|self", "everything known about one node", run_whois},
      {"where", "PID", "on which node a process of yours is", run_where},
      {"why", "PID", "why a process of yours cannot move", run_why},
      {"lock", "PID", "keep a process of yours where it is", run_lock},
      {"unlock", "PID", "let it move again", run_unlock},
      {"bring", "", "bring all processes of this node home", run_bring},
      {"expel", "", "send all guests home", run_expel},
      {"block", "[on|off]", "take no new guests", run_block},
      {"stats", "", "what moving has done and cost", run_stats},
      {"netboot", "", "whether this node boots other machines, and how that goes", run_netboot},
      {"leave", "", "make this node say goodbye and its daemon end", run_leave},
      {"version", "", "the versions of mosctl and of the daemon", run_version},
  };
  return list;
}

nlohmann::json Context::ask(const nlohmann::json& request) const {
  nlohmann::json answer = ControlClient(socket).ask(request);
  if (!answer.value("ok", false)) {
    throw std::runtime_error(answer.value("error", "the daemon refused"));
  }
  return answer;
}

}  // namespace starling::tools
