// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "agents/common/link.h"
#include "agents/daemon/liveness.h"

namespace starling::daemon {

// How the board is told to the outside: the JSON of the control socket, documented in
// starlingd(8). Fields are only ever added.
using LinkNames = std::map<std::uint32_t, std::string>;  // interface index to name

const char* state_name(membership::State state);
std::string uid_text(std::uint64_t uid);

nlohmann::json node_json(const membership::BoardEntry& entry, const LinkNames& links);
nlohmann::json counters_json(const Snapshot& snapshot);

// The node that `who` means: a number, a host name, an IPv6 address with or without %interface,
// or "self". The living go before the dead. Null when there is none.
const membership::BoardEntry* find_node(const Snapshot& snapshot, const std::string& who);

// "node 3 (west)", "west", or "a node without a number": for log lines.
std::string node_label(const membership::BoardEntry& entry);

}  // namespace starling::daemon
