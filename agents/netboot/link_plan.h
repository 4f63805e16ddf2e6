// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agents/netboot/dhcp_message.h"
#include "agents/netboot/dnsmasq_config.h"
#include "agents/netboot/settings.h"

namespace starling::netboot {

struct LinkAddress {
  Ipv4 address = 0;
  int prefix = 0;
};

// What is known of one LAN and how it is served; no I/O. A server that appears makes us a proxy
// at once; one that falls silent must stay so for several rounds before we give addresses, for a
// router that restarts is not gone.
class LinkPlan {
 public:
  static constexpr int kSilentRounds = 3;

  explicit LinkPlan(std::string flock) : flock_(std::move(flock)) {}

  // The offers one round of asking brought. Offers of our own flock do not count.
  void heard(const std::vector<Offer>& offers);
  // How to serve now. `addresses`: what the interface has.
  Mode mode(Policy policy) const;
  // This node's address to serve from in that mode; nothing while there is none.
  static std::optional<LinkAddress> serving_address(Mode mode, const Subnet& own,
                                                    const std::vector<LinkAddress>& addresses,
                                                    Ipv4 own_address);
  // The other server, for people.
  Ipv4 other_server() const { return server_; }

 private:
  std::string flock_;
  bool asked_ = false;
  Ipv4 server_ = 0;
  int silent_ = 0;
};

}  // namespace starling::netboot
