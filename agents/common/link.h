// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agents/common/bytes.h"

namespace starling {

// A network link as the kernel tells of it (RTM_NEWLINK, RTM_NEWADDR).
struct Link {
  std::uint32_t index = 0;
  std::string name;
  std::string kind;  // IFLA_INFO_KIND: "veth", "bridge", ...; empty for hardware
  std::array<std::uint8_t, 6> mac{};
  std::array<std::uint8_t, 6> permanent_mac{};  // zero when the driver tells none
  std::uint32_t master = 0;  // index of the bridge or bond it is a port of; 0: none
  std::uint32_t mtu = 0;
  bool ethernet = false;  // ARPHRD_ETHER and not loopback
  bool wireless = false;
  bool up = false;  // administratively
  bool carrier = false;
  bool multicast = false;
  Address6 link_local{};   // zero when there is none that may be used
  bool tentative = false;  // there is one, but duplicate detection still runs
};

// Which links the flock uses. Patterns are shell globs on the name, with "!" in front to exclude,
// or the word "wired": hardware Ethernet, bonds, and bridges that have hardware among their
// ports; never wireless. What is a port of something else, loopback, not Ethernet, or too narrow
// for IPv6 is never used, whatever the patterns say.
class LinkFilter {
 public:
  // Space- or comma-separated. Throws std::invalid_argument on an empty list.
  explicit LinkFilter(const std::string& patterns);
  bool matches(const Link& link, const std::map<std::uint32_t, Link>& all) const;

 private:
  std::vector<std::string> include_;
  std::vector<std::string> exclude_;
};

}  // namespace starling
