// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/boot_record.h"

#include <algorithm>
#include <regex>

namespace starling::netboot {
namespace {

// dnsmasq writes e.g. "dnsmasq-dhcp: 417022 DHCPACK(eth0) 10.213.128.7 52:54:00:53:54:02 name",
// "dnsmasq-tftp: sent /root/pxelinux.0 to 10.213.128.7", and without an address before the MAC
// for discovers and proxy answers.
const std::regex kDhcp(
    R"((?:^|\s)(DHCP[A-Z]+|PXE)\([^)]*\) (?:(\d+\.\d+\.\d+\.\d+) )?(([0-9a-f]{2}:){5}[0-9a-f]{2})(.*))");
const std::regex kTftpSent(R"(dnsmasq-tftp.*: sent (.+) to (\S+)$)");
const std::regex kTftpMissing(R"(dnsmasq-tftp.*: file (.+) not found for (\S+)$)");
const std::regex kTftpFailed(R"(dnsmasq-tftp.*: failed sending (.+) to (\S+)$)");

}  // namespace

std::optional<BootEvent> read_dnsmasq_line(const std::string& line) {
  std::smatch m;
  if (line.size() > 2000) return std::nullopt;
  if (std::regex_search(line, m, kTftpSent)) return BootEvent{m[2], "tftp", m[1], "sent"};
  if (std::regex_search(line, m, kTftpMissing)) {
    // pxelinux asks for nine names it need not find before "default".
    if (m[1].str().find("/pxelinux.cfg/") != std::string::npos) return std::nullopt;
    return BootEvent{m[2], "tftp", m[1], "missing"};
  }
  if (std::regex_search(line, m, kTftpFailed)) return BootEvent{m[2], "tftp", m[1], "broken off"};
  if (!std::regex_search(line, m, kDhcp)) return std::nullopt;
  const std::string verb = m[1];
  if (verb == "PXE") return BootEvent{m[3], "proxy", "", "told what to boot"};
  if (verb == "DHCPDISCOVER")
    return BootEvent{m[3], "dhcp", "",
                     m[5].str().find("no address") != std::string::npos ? "no address left"
                                                                        : "asked"};
  if (verb == "DHCPACK") return BootEvent{m[3], "dhcp", "", "got " + m[2].str()};
  if (verb == "DHCPNAK" || verb == "DHCPDECLINE")
    return BootEvent{m[3], "dhcp", "", verb == "DHCPNAK" ? "refused" + m[5].str() : "declined"};
  return std::nullopt;
}

std::optional<std::pair<std::string, std::string>> read_dnsmasq_lease(const std::string& line) {
  std::smatch m;
  if (line.size() > 2000 || !std::regex_search(line, m, kDhcp) || m[1] != "DHCPACK" || !m[2].matched)
    return std::nullopt;
  return std::pair{m[2].str(), m[3].str()};
}

void BootRecord::knows(const std::string& address, const std::string& mac) {
  std::erase_if(addresses_, [&](const auto& a) { return a.first == address; });
  addresses_.emplace_front(address, mac);
  if (addresses_.size() > kMaxClients) addresses_.pop_back();
}

void BootRecord::add(BootEvent event, long when) {
  for (const auto& [address, mac] : addresses_)
    if (event.client == address) {
      event.client = mac;
      break;
    }
  auto client = std::ranges::find(clients_, event.client, &Client::name);
  Client entry = client == clients_.end() ? Client{event.client} : std::move(*client);
  if (client != clients_.end()) clients_.erase(client);
  entry.events.push_back({{"time", when},
                          {"stage", event.stage},
                          {"file", event.file},
                          {"result", event.result}});
  if (entry.events.size() > kMaxEvents) entry.events.erase(0);
  clients_.push_front(std::move(entry));
  if (clients_.size() > kMaxClients) clients_.pop_back();
}

nlohmann::json BootRecord::json() const {
  auto out = nlohmann::json::array();
  for (const auto& c : clients_)
    out.push_back({{"client", c.name}, {"last", c.events.back()}, {"events", c.events}});
  return out;
}

}  // namespace starling::netboot
