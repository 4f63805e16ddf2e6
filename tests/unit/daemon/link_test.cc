// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/link.h"

#include <gtest/gtest.h>

namespace starling {
namespace {

Link link(std::uint32_t index, const std::string& name, const std::string& kind = "") {
  Link l;
  l.index = index;
  l.name = name;
  l.kind = kind;
  l.ethernet = l.multicast = true;
  l.mtu = 1500;
  return l;
}

std::string used(const std::string& patterns, const std::vector<Link>& list) {
  std::map<std::uint32_t, Link> all;
  for (const Link& l : list) all[l.index] = l;
  const LinkFilter filter(patterns);
  std::string out;
  for (const auto& [index, l] : all) {
    if (filter.matches(l, all)) out += (out.empty() ? "" : " ") + l.name;
  }
  return out;
}

TEST(LinkFilter, WiredIsHardwareBondsAndBridgesWithHardware) {
  Link wlan = link(3, "wlan0");
  wlan.wireless = true;
  Link port = link(5, "eth1");
  port.master = 4;
  EXPECT_EQ(used("wired", {link(2, "eth0"), wlan, link(4, "br0", "bridge"), port,
                           link(6, "docker0", "bridge"), link(7, "veth1", "veth"),
                           link(8, "bond0", "bond"), link(9, "tun0", "tun")}),
            "eth0 br0 bond0");
}

TEST(LinkFilter, NamesAndExclusions) {
  const std::vector<Link> all = {link(2, "eth0"), link(3, "eth1"), link(4, "lan0", "veth")};
  EXPECT_EQ(used("lan*", all), "lan0");
  EXPECT_EQ(used("wired,lan?", all), "eth0 eth1 lan0");
  EXPECT_EQ(used("wired !eth1", all), "eth0");
  EXPECT_EQ(used("* !wired", all), "lan0");
  EXPECT_THROW(LinkFilter(" , "), std::invalid_argument);
  EXPECT_THROW(LinkFilter("!eth0"), std::invalid_argument);
}

TEST(LinkFilter, SomeLinksAreNeverUsed) {
  Link port = link(2, "eth0");
  port.master = 9;
  Link narrow = link(3, "eth1");
  narrow.mtu = 1279;
  Link loopback = link(4, "lo");
  loopback.ethernet = false;
  Link deaf = link(5, "eth2");
  deaf.multicast = false;
  EXPECT_EQ(used("*", {port, narrow, loopback, deaf}), "");
}

}  // namespace
}  // namespace starling
