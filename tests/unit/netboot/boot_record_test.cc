// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/boot_record.h"

#include <gtest/gtest.h>

namespace starling::netboot {
namespace {

// Lines as dnsmasq 2.90 writes them.
constexpr const char* kAck =
    "dnsmasq-dhcp[7924]: 4002245415 DHCPACK(eth0) 10.213.199.42 52:a4:a9:9d:bd:3e";
constexpr const char* kProxy = "dnsmasq-dhcp[8627]: 510710364 PXE(eth0) 52:a4:a9:9d:bd:3e proxy";
constexpr const char* kFull =
    "dnsmasq-dhcp[1]: 5 DHCPDISCOVER(eth0) 52:a4:a9:9d:bd:3e no address available";
constexpr const char* kSent = "dnsmasq-tftp[7924]: sent /run/x/pxelinux.0 to 10.213.199.42";
constexpr const char* kMissing = "dnsmasq-tftp[7924]: file /run/x/y not found for 10.213.199.42";

TEST(ReadDnsmasqLine, KnowsTheStagesOfABoot) {
  const auto ack = read_dnsmasq_line(kAck);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->client, "52:a4:a9:9d:bd:3e");
  EXPECT_EQ(ack->result, "got 10.213.199.42");
  EXPECT_EQ(read_dnsmasq_line(kProxy)->stage, "proxy");
  EXPECT_EQ(read_dnsmasq_line(kFull)->result, "no address left");
  EXPECT_EQ(read_dnsmasq_line(kSent)->file, "/run/x/pxelinux.0");
  EXPECT_EQ(read_dnsmasq_line(kMissing)->result, "missing");
  EXPECT_FALSE(read_dnsmasq_line("dnsmasq[1]: started, version 2.90 DNS disabled"));
  EXPECT_EQ(read_dnsmasq_lease(kAck)->first, "10.213.199.42");
  EXPECT_FALSE(read_dnsmasq_lease(kProxy));
}

TEST(BootRecord, PutsTftpAndHttpToTheMachineWithThatAddress) {
  BootRecord record;
  record.knows("10.213.199.42", "52:a4:a9:9d:bd:3e");
  record.add(*read_dnsmasq_line(kAck), 100);
  record.add(*read_dnsmasq_line(kSent), 101);
  record.add({"10.213.199.42", "http", "/live/initrd", "broken off at 5 of 9"}, 102);
  const auto json = record.json();
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["client"], "52:a4:a9:9d:bd:3e");
  EXPECT_EQ(json[0]["events"].size(), 3u);
  EXPECT_EQ(json[0]["last"]["result"], "broken off at 5 of 9");
}

TEST(BootRecord, IsBounded) {
  BootRecord record;
  for (std::size_t i = 0; i < 2 * BootRecord::kMaxClients; ++i)
    record.add({"m" + std::to_string(i), "dhcp", "", "asked"}, 1);
  for (std::size_t i = 0; i < 2 * BootRecord::kMaxEvents; ++i)
    record.add({"noisy", "dhcp", "", "asked"}, 2);
  const auto json = record.json();
  EXPECT_EQ(json.size(), BootRecord::kMaxClients);
  EXPECT_EQ(json[0]["client"], "noisy");
  EXPECT_EQ(json[0]["events"].size(), BootRecord::kMaxEvents);
}

}  // namespace
}  // namespace starling::netboot
