// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>

namespace starling::tools {

// A boot server's status (starling-netboot(8)) for people. `now`: seconds since the epoch.
void print_netboot(const nlohmann::json& status, long now, std::ostream& out);

}  // namespace starling::tools
