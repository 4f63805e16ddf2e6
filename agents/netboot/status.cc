// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/status.h"

#include <utility>

namespace starling::netboot {

using nlohmann::json;

namespace {

std::pair<const char*, std::string> role(const Status& s) {
  if (s.switched_off) return {"off", "switched off by configuration or kernel parameter"};
  if (!s.board) return {"off", s.problem};
  if (s.serving) return {"server", "the lowest living node that has all boot files"};
  if (s.answering) return {"standby", s.problem.empty() ? "about to start" : s.problem};
  if (s.number == 0) return {"standby", "this node has no number yet"};
  if (s.number == s.answerer) return {"standby", "about to take over"};
  if (s.answerer != 0)
    return {"standby", "node " + std::to_string(s.answerer) + " is the answerer"};
  return {"standby",
          s.problem.empty() ? "asking lower nodes whether they have all boot files" : s.problem};
}

}  // namespace

json status_json(const Status& s) {
  json links = json::array();
  for (const auto& lan : s.lans)
    links.push_back({{"interface", lan.interface},
                     {"mode", lan.mode},
                     {"address", lan.address},
                     {"other_server", lan.other_server}});
  json files = json::array();
  for (const auto& file : s.files.files)
    files.push_back({{"name", file.name},
                     {"state", to_string(file.is)},
                     {"size", file.size},
                     {"have", file.have},
                     {"from", file.from}});
  const auto [name, why] = role(s);
  return {{"role", name},
          {"why", why},
          {"number", s.number},
          {"answerer", s.answerer},
          {"serving", s.serving},
          {"mode", s.lans.empty() ? "off" : s.lans.back().mode},
          {"links", links},
          {"files", files},
          {"missing", s.files.missing()},
          {"files_problem", s.files.trouble},
          {"list_known", !s.files.list.empty()},
          {"problem", s.problem},
          {"clients", s.clients}};
}

}  // namespace starling::netboot
