// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/dhcp_message.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace starling::netboot {
namespace {

constexpr Mac kMac = {0x52, 0x54, 0, 0x53, 0x54, 1};
constexpr std::uint32_t kTransaction = 0x12345678;

// A server's answer, made from our own request: the same layout with the roles turned round.
std::vector<std::uint8_t> offer(const std::vector<std::uint8_t>& options) {
  auto f = make_discover(kMac, kTransaction);
  f[35] = 67, f[37] = 68;          // UDP ports
  f[42] = 2;                       // reply
  const std::array<std::uint8_t, 4> yours = {192, 0, 2, 100};
  std::ranges::copy(yours, f.begin() + 42 + 16);
  std::fill(f.begin() + 42 + 240, f.end(), std::uint8_t{0});
  std::ranges::copy(options, f.begin() + 42 + 240);
  return f;
}
const std::vector<std::uint8_t> kOptions = {53, 1, 2, 0, 54, 4, 192, 0, 2, 1, 224, 3, 'l', 'a',
                                            'b', 255};

TEST(MakeDiscover, IsAValidBroadcast) {
  const auto f = make_discover(kMac, kTransaction);
  ASSERT_EQ(f.size(), 14u + 20 + 8 + 300);
  EXPECT_TRUE(std::all_of(f.begin(), f.begin() + 6, [](auto b) { return b == 0xff; }));
  std::uint32_t sum = 0;
  for (std::size_t i = 14; i < 34; i += 2) sum += static_cast<std::uint32_t>(f[i] << 8 | f[i + 1]);
  sum = (sum & 0xffff) + (sum >> 16);
  EXPECT_EQ(sum, 0xffffu) << "IP checksum";
  EXPECT_FALSE(parse_offer(f, kMac, kTransaction)) << "our own request is no offer";
}

TEST(ParseOffer, ReadsServerAddressAndFlock) {
  const auto o = parse_offer(offer(kOptions), kMac, kTransaction);
  ASSERT_TRUE(o);
  EXPECT_EQ(to_string(o->server), "192.0.2.1");
  EXPECT_EQ(to_string(o->address), "192.0.2.100");
  EXPECT_EQ(o->flock, "lab");
}

TEST(ParseOffer, IgnoresOthersConversations) {
  const auto f = offer(kOptions);
  EXPECT_FALSE(parse_offer(f, kMac, kTransaction + 1));
  EXPECT_FALSE(parse_offer(f, Mac{1, 2, 3, 4, 5, 6}, kTransaction));
  auto ack = kOptions;
  ack[2] = 5;
  EXPECT_FALSE(parse_offer(offer(ack), kMac, kTransaction));
  EXPECT_FALSE(parse_offer(offer({255}), kMac, kTransaction));
}

TEST(ParseOffer, EveryShorteningIsRefusedOrHarmless) {
  const auto f = offer(kOptions);
  for (std::size_t n = 0; n < f.size(); ++n)
    EXPECT_FALSE(parse_offer(std::span(f).first(n), kMac, kTransaction)) << n;
}

TEST(ParseOffer, RefusesAnOptionThatRunsOver) {
  auto f = offer({});
  f[f.size() - 2] = 54;
  f[f.size() - 1] = 4;  // four bytes behind the end
  EXPECT_FALSE(parse_offer(f, kMac, kTransaction));
}

TEST(Ipv4, ReadsAndWrites) {
  EXPECT_EQ(to_string(*parse_ipv4("10.213.0.1")), "10.213.0.1");
  for (const char* bad : {"", "10.0.0", "10.0.0.256", "::1", "a.b.c.d"})
    EXPECT_FALSE(parse_ipv4(bad)) << bad;
}

}  // namespace
}  // namespace starling::netboot
