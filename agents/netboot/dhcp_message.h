// SPDX-License-Identifier: GPL-2.0-or-later
// The little of DHCP (RFC 2131, 2132) that asking "is there a server here?" takes. The frames
// come from whoever is on the wire: every length is checked before it is used. (Fuzzed.)
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace starling::netboot {

using Mac = std::array<std::uint8_t, 6>;
using Ipv4 = std::uint32_t;  // host byte order

// Site-specific option by which nodes of one flock know their own DHCP server.
inline constexpr std::uint8_t kFlockOption = 224;

// An Ethernet frame with a DHCPDISCOVER to everyone. The answer is asked for as a broadcast, so
// that it can be seen whatever address the interface has.
std::vector<std::uint8_t> make_discover(const Mac& mac, std::uint32_t transaction);

struct Offer {
  Ipv4 server = 0;      // option 54
  Ipv4 address = 0;     // what it offers; 0 from a server that gives boot information only
  std::string flock;    // content of kFlockOption; empty for other servers
};

// The offer in an Ethernet frame; nothing for any other frame, a broken one, or one that answers
// another transaction or machine.
std::optional<Offer> parse_offer(std::span<const std::uint8_t> frame, const Mac& mac,
                                 std::uint32_t transaction);

std::string to_string(Ipv4 address);
// Nothing for text that is not four numbers.
std::optional<Ipv4> parse_ipv4(const std::string& text);
std::string to_string(const Mac& mac);

}  // namespace starling::netboot
