// SPDX-License-Identifier: GPL-2.0-or-later
// What the boot server wants to know from starlingd.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "agents/common/control_client.h"
#include "agents/common/key_schedule.h"
#include "agents/netboot/download.h"
#include "agents/netboot/rivals.h"

namespace starling::netboot {

struct FlockBoard {
  int number = 0;               // this node; 0: none yet
  std::string image;            // that it runs
  std::vector<int> alive;       // numbers
  std::vector<Source> sources;  // other living nodes of the same image
  std::vector<Rival> lower;     // living nodes of any image with a lower number, ascending
};

// From starlingd's answer to "nodes". The answerer is asked for files first, since it has had them
// longest; after it the next higher numbers, so that not everybody asks the same second.
FlockBoard read_flock_board(const nlohmann::json& answer, int http_port);

// The key that seals the list of boot files. Throws like ControlClient::ask(), std::runtime_error
// when starlingd refuses.
SessionKey ask_list_key(ControlClient& control);

}  // namespace starling::netboot
