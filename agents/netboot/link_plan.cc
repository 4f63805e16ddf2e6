// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/link_plan.h"

#include <algorithm>

namespace starling::netboot {

void LinkPlan::heard(const std::vector<Offer>& offers) {
  // An offer without an address is another boot server's, not a DHCP server's.
  const auto other = std::ranges::find_if(
      offers, [this](const Offer& o) { return o.address != 0 && o.flock != flock_; });
  if (other != offers.end()) {
    server_ = other->server != 0 ? other->server : other->address;
    silent_ = 0;
  } else if (server_ != 0 && ++silent_ >= kSilentRounds) {
    server_ = 0;
  }
  asked_ = true;
}

Mode LinkPlan::mode(Policy policy) const {
  switch (policy) {
    case Policy::off:
      return Mode::off;
    case Policy::proxy:
      return Mode::proxy;
    case Policy::full:
      return Mode::full;
    case Policy::automatic:
      break;
  }
  if (!asked_) return Mode::off;
  return server_ != 0 ? Mode::proxy : Mode::full;
}

std::optional<LinkAddress> LinkPlan::serving_address(Mode mode, const Subnet& own,
                                                     const std::vector<LinkAddress>& addresses,
                                                     Ipv4 own_address) {
  for (const auto& a : addresses) {
    if (mode == Mode::full && a.address == own_address && a.prefix == own.prefix) return a;
    const bool link_local = a.address >> 16 == 0xa9fe;  // 169.254/16 leads nowhere
    if (mode == Mode::proxy && a.address != own_address && !link_local) return a;
  }
  return std::nullopt;
}

}  // namespace starling::netboot
