// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "agents/netboot/dhcp_message.h"

namespace starling::netboot {

// off: this LAN is not served. proxy: another server gives addresses, we say only what to boot.
// full: we give both.
enum class Mode { off, proxy, full };
const char* to_string(Mode mode);

struct Subnet {
  Ipv4 network = 0;
  int prefix = 16;
  Ipv4 mask() const { return prefix == 0 ? 0 : ~Ipv4{0} << (32 - prefix); }
  bool contains(Ipv4 a) const { return (a & mask()) == network; }
};
// "10.213.0.0/16"; nothing for other text or for bits set behind the prefix.
std::optional<Subnet> parse_subnet(const std::string& text);

// One interface that is served.
struct ServedLink {
  std::string name;
  Mode mode = Mode::off;
  Ipv4 address = 0;  // this node's
  Subnet subnet;     // of `address`
};

struct DnsmasqSettings {
  std::vector<ServedLink> links;  // none of them off
  std::filesystem::path tftp_root;  // one folder per interface in it
  std::filesystem::path run_dir;  // lease file
  int http_port = 80;
  std::string flock;              // goes into kFlockOption
  bool ipxe = true;               // BIOS machines with iPXE are given kIpxeScript
};

constexpr const char* kIpxeScript = "boot.ipxe";

// In full mode nodes take 1..4095 above the network's address for themselves by their number;
// the upper half is given to clients.
Ipv4 own_address(const Subnet& subnet, int node_number);

// Configuration files for two processes of dnsmasq (2.90 or later): the first goes when another
// node becomes the answerer, the second then goes on, for machines in the middle of their kernel.
std::string dhcp_config(const DnsmasqSettings& settings);
std::string tftp_config(const DnsmasqSettings& settings);

}  // namespace starling::netboot
