// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agents/netboot/link_plan.h"

namespace starling::netboot {

// IPv4 addresses by interface name.
std::map<std::string, std::vector<LinkAddress>> read_ipv4_addresses();

// Gives an interface an address (rtnetlink; needs CAP_NET_ADMIN). Having it already is success.
// Throws std::system_error.
void add_ipv4_address(unsigned interface_index, Ipv4 address, int prefix);

}  // namespace starling::netboot
