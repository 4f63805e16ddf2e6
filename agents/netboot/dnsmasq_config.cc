// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/dnsmasq_config.h"

#include <charconv>

namespace starling::netboot {
namespace {

// Client architectures (RFC 4578 and IANA): 0 BIOS; 7 and 9 x86-64 UEFI; 16 the same by HTTP.
constexpr const char* kBiosLoader = "pxelinux.0";
constexpr const char* kUefiLoader = "grub/grubnetx64.efi";
// Machines that load at the same moment. Each takes a socket and a file of the 1024 a process has.
constexpr int kMaxTftp = 400;

std::string full(const ServedLink& link, const DnsmasqSettings& s) {
  const Ipv4 half = Ipv4{1} << (31 - link.subnet.prefix);
  const Ipv4 first = link.subnet.network + half;
  const Ipv4 last = link.subnet.network + 2 * half - 2;
  const auto here = to_string(link.address);
  const auto tag = "tag:" + link.name + ",";  // set by dnsmasq itself
  const auto http = here + (s.http_port == 80 ? "" : ":" + std::to_string(s.http_port));
  return "dhcp-range=" + to_string(first) + "," + to_string(last) + "," +
         to_string(link.subnet.mask()) + ",1h\n"
         // Not a router: only the wire is shared.
         "dhcp-option=" + tag + "option:router\n"
         "dhcp-boot=" + tag + "tag:bios,tag:!ipxe," + kBiosLoader + ",," + here + "\n"
         "dhcp-boot=" + tag + "tag:bios,tag:ipxe," + kIpxeScript + ",," + here + "\n"
         "dhcp-boot=" + tag + "tag:uefi," + kUefiLoader + ",," + here + "\n"
         "dhcp-boot=" + tag + "tag:uefihttp,http://" + http + "/" + kUefiLoader + "\n"
         "dhcp-option-force=" + tag + "tag:uefihttp,60,HTTPClient\n"
         "dhcp-option-force=" + tag + std::to_string(kFlockOption) + "," + s.flock + "\n";
}

std::string proxy(const ServedLink& link) {
  return "dhcp-range=" + to_string(link.subnet.network) + ",proxy," +
         to_string(link.subnet.mask()) + "\n";
}

}  // namespace

const char* to_string(Mode mode) {
  return mode == Mode::full ? "full" : mode == Mode::proxy ? "proxy" : "off";
}

std::optional<Subnet> parse_subnet(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const auto network = parse_ipv4(text.substr(0, slash));
  Subnet subnet;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, subnet.prefix);
  if (!network || error != std::errc() || stop != end || subnet.prefix < 0 || subnet.prefix > 32)
    return std::nullopt;
  subnet.network = *network;
  if (!subnet.contains(*network)) return std::nullopt;
  return subnet;
}

Ipv4 own_address(const Subnet& subnet, int node_number) {
  return subnet.network + static_cast<Ipv4>(node_number);
}

namespace {

std::string head(const DnsmasqSettings& s) {
  std::string out =
      "# Written by starling-netboot; changes are lost.\n"
      "port=0\n"  // no DNS
      "bind-dynamic\n"
      "except-interface=lo\n"
      "log-facility=-\n";
  for (const auto& link : s.links) out += "interface=" + link.name + "\n";
  return out;
}

}  // namespace

std::string tftp_config(const DnsmasqSettings& s) {
  auto out = head(s) +
             "enable-tftp\n"
             "tftp-no-fail\n"
             // Its own bound of 50 is less than a lab: who is over it is not answered at all.
             "tftp-max=" + std::to_string(kMaxTftp) + "\n";
  for (const auto& link : s.links)
    out += "tftp-root=" + (s.tftp_root / link.name).native() + "," + link.name + "\n";
  return out;
}

std::string dhcp_config(const DnsmasqSettings& s) {
  auto out = head(s) +
             "log-dhcp\n"
             "dhcp-authoritative\n"
             "dhcp-leasefile=" + (s.run_dir / "leases").native() + "\n"
             "dhcp-match=set:bios,option:client-arch,0\n"
             "dhcp-match=set:uefi,option:client-arch,7\n"
             "dhcp-match=set:uefi,option:client-arch,9\n"
             "dhcp-match=set:uefihttp,option:client-arch,16\n";
  if (s.ipxe) out += "dhcp-match=set:ipxe,175\n";  // iPXE's own options
  for (const auto& link : s.links) out += link.mode == Mode::full ? full(link, s) : proxy(link);
  // Beside a full server these lines would break UEFI clients, which then wait for a menu.
  for (const auto& link : s.links) {
    if (link.mode != Mode::proxy) continue;
    const auto tag = "tag:" + link.name + ",";
    const auto here = to_string(link.address);
    out += "pxe-service=" + tag + "tag:!ipxe,x86PC,Starling," + kBiosLoader + "," + here + "\n";
    out += "pxe-service=" + tag + "tag:ipxe,x86PC,Starling," + kIpxeScript + "," + here + "\n";
    for (const char* arch : {"X86-64_EFI", "BC_EFI"})
      out += "pxe-service=" + tag + arch + ",Starling," + kUefiLoader + "," + here + "\n";
  }
  return out;
}

}  // namespace starling::netboot
