// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace starling::netboot {

// One thing that happened to one booting machine.
struct BootEvent {
  std::string client;  // MAC address, or IP address where that is all that is known
  std::string stage;   // "dhcp", "proxy", "tftp", "http"
  std::string file;    // with tftp and http
  std::string result;  // "offered", "acknowledged", "sent", "missing", "broken off", ...
};

// What a line of dnsmasq's log says about a booting machine; nothing for other lines.
std::optional<BootEvent> read_dnsmasq_line(const std::string& line);

// The last events of the last machines: the answer to "why did it not boot?".
class BootRecord {
 public:
  static constexpr std::size_t kMaxClients = 256, kMaxEvents = 16;

  // `when`: seconds since the epoch. Addresses that were seen with a MAC address count as it.
  void add(BootEvent event, long when);
  // Which machine had this address last.
  void knows(const std::string& address, const std::string& mac);
  // [{"client", "last": {...}, "events": [{"time", "stage", "file", "result"}]}], newest first.
  nlohmann::json json() const;

 private:
  struct Client {
    std::string name;
    nlohmann::json events = nlohmann::json::array();
  };
  std::deque<Client> clients_;  // newest first
  std::deque<std::pair<std::string, std::string>> addresses_;
};

// The address and MAC address in a DHCPACK line of dnsmasq; nothing for others.
std::optional<std::pair<std::string, std::string>> read_dnsmasq_lease(const std::string& line);

}  // namespace starling::netboot
