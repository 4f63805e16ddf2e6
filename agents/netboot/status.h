// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "agents/netboot/boot_file_keeper.h"

namespace starling::netboot {

// What the boot server says of itself: status.json, and through starlingd `mosctl netboot`.
struct Status {
  struct Lan {
    std::string interface;
    std::string mode;          // "full" or "proxy"
    std::string address;       // that is served from
    std::string other_server;  // DHCP server beside us; empty: none
  };
  bool switched_off = false;
  bool board = false;      // starlingd answers
  int number = 0;          // this node; 0: none yet
  int answerer = 0;        // lowest living node that has all boot files; 0: unknown
  bool answering = false;  // that is this node, and has been for long enough
  bool serving = false;
  std::string problem;    // why it does not serve although it should
  std::vector<Lan> lans;  // served ones
  BootFileKeeper::Snapshot files;
  nlohmann::json clients = nlohmann::json::array();  // BootRecord::json()
};

// {"role": "server" | "standby" | "off", "why", "number", "answerer", "serving", "mode", "links",
// "files", "missing", "problem", "clients"}; starling-netboot(8).
nlohmann::json status_json(const Status& status);

}  // namespace starling::netboot
