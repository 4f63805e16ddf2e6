// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/link_plan.h"

#include <gtest/gtest.h>

namespace starling::netboot {
namespace {

const Offer kRouter{0xc0000201, 0xc0000264, ""};
const Offer kOurs{0x0ad50001, 0x0ad58001, "lab"};
const Offer kBootServer{0xc0000202, 0, ""};

TEST(LinkPlan, AnswersNothingBeforeItHasAsked) {
  EXPECT_EQ(LinkPlan("lab").mode(Policy::automatic), Mode::off);
}

TEST(LinkPlan, GivesAddressesOnlyWhereNobodyElseDoes) {
  LinkPlan plan("lab");
  plan.heard({kOurs, kBootServer});
  EXPECT_EQ(plan.mode(Policy::automatic), Mode::full);
  plan.heard({kOurs, kRouter});
  EXPECT_EQ(plan.mode(Policy::automatic), Mode::proxy);
  EXPECT_EQ(to_string(plan.other_server()), "192.0.2.1");
}

TEST(LinkPlan, AServerIsGoneOnlyAfterSeveralSilentRounds) {
  LinkPlan plan("lab");
  plan.heard({kRouter});
  for (int i = 1; i < LinkPlan::kSilentRounds; ++i) {
    plan.heard({});
    EXPECT_EQ(plan.mode(Policy::automatic), Mode::proxy) << i;
  }
  plan.heard({});
  EXPECT_EQ(plan.mode(Policy::automatic), Mode::full);
}

TEST(LinkPlan, AnotherFlocksServerCounts) {
  LinkPlan plan("lab");
  Offer other = kOurs;
  other.flock = "else";
  plan.heard({other});
  EXPECT_EQ(plan.mode(Policy::automatic), Mode::proxy);
}

TEST(LinkPlan, PolicyWins) {
  LinkPlan plan("lab");
  plan.heard({kRouter});
  EXPECT_EQ(plan.mode(Policy::off), Mode::off);
  EXPECT_EQ(plan.mode(Policy::full), Mode::full);
  EXPECT_EQ(LinkPlan("lab").mode(Policy::proxy), Mode::proxy);
}

TEST(LinkPlan, ServesFromTheAddressThatFitsTheMode) {
  const auto own_net = *parse_subnet("10.213.0.0/16");
  const Ipv4 own = own_address(own_net, 3);
  const std::vector<LinkAddress> addresses = {
      {*parse_ipv4("169.254.7.7"), 16}, {own, 16}, {*parse_ipv4("192.0.2.7"), 24}};
  const auto full = LinkPlan::serving_address(Mode::full, own_net, addresses, own);
  EXPECT_EQ(to_string(full->address), "10.213.0.3");
  const auto proxy = LinkPlan::serving_address(Mode::proxy, own_net, addresses, own);
  EXPECT_EQ(to_string(proxy->address), "192.0.2.7");
  EXPECT_FALSE(LinkPlan::serving_address(Mode::full, own_net, {}, own));
}

}  // namespace
}  // namespace starling::netboot
