// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/dnsmasq_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace starling::netboot {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ServedLink link(Mode mode) {
  ServedLink l{"eth0", mode, *parse_ipv4("10.213.0.1"), *parse_subnet("10.213.0.0/16")};
  return l;
}

TEST(DnsmasqConfig, Full) {
  const auto text = dhcp_config({{link(Mode::full)}, "/run/t", "/run/n", 80, "lab"});
  EXPECT_THAT(text, HasSubstr("port=0\nbind-dynamic\nexcept-interface=lo\n"));
  EXPECT_THAT(text, HasSubstr("\ninterface=eth0\n"));
  EXPECT_THAT(text, HasSubstr("dhcp-range=10.213.128.0,10.213.255.254,255.255.0.0,1h\n"
                              "dhcp-option=tag:eth0,option:router\n"
                              "dhcp-boot=tag:eth0,tag:bios,tag:!ipxe,pxelinux.0,,10.213.0.1\n"
                              "dhcp-boot=tag:eth0,tag:bios,tag:ipxe,boot.ipxe,,10.213.0.1\n"
                              "dhcp-boot=tag:eth0,tag:uefi,grub/grubnetx64.efi,,10.213.0.1\n"));
  EXPECT_THAT(text, HasSubstr("dhcp-option-force=tag:eth0,224,lab\n"));
  EXPECT_THAT(text, Not(HasSubstr("pxe-service")));
  EXPECT_THAT(text, Not(HasSubstr("tftp-")));
}

TEST(DnsmasqConfig, TellsIpxeFromOtherRomsUnlessItIsSwitchedOff) {
  DnsmasqSettings settings{{link(Mode::full)}, "/run/t", "/run/n", 80, "lab"};
  EXPECT_THAT(dhcp_config(settings), HasSubstr("\ndhcp-match=set:ipxe,175\n"));
  settings.ipxe = false;
  EXPECT_THAT(dhcp_config(settings), Not(HasSubstr("set:ipxe")));
}

TEST(DnsmasqConfig, TftpGoesOnWithoutDhcp) {
  const auto text = tftp_config({{link(Mode::proxy)}, "/run/t", "/run/n", 80, "lab"});
  EXPECT_THAT(text, HasSubstr("port=0\nbind-dynamic\nexcept-interface=lo\n"));
  EXPECT_THAT(text, HasSubstr("interface=eth0\nenable-tftp\ntftp-no-fail\ntftp-max=400\n"
                              "tftp-root=/run/t/eth0,eth0\n"));
  EXPECT_THAT(text, Not(HasSubstr("dhcp-")));
}

TEST(DnsmasqConfig, ProxyGivesNoAddresses) {
  const auto text = dhcp_config({{link(Mode::proxy)}, "/run/t", "/run/n", 80, "lab"});
  EXPECT_THAT(text, HasSubstr("dhcp-range=10.213.0.0,proxy,255.255.0.0\n"));
  EXPECT_THAT(text, HasSubstr("pxe-service=tag:eth0,tag:!ipxe,x86PC,Starling,pxelinux.0,10.213.0.1\n"
                              "pxe-service=tag:eth0,tag:ipxe,x86PC,Starling,boot.ipxe,10.213.0.1\n"));
  EXPECT_THAT(text, HasSubstr("pxe-service=tag:eth0,X86-64_EFI,Starling,grub/grubnetx64.efi,"));
  EXPECT_THAT(text, Not(HasSubstr("10.213.128")));
  EXPECT_THAT(text, Not(HasSubstr("dhcp-boot")));
}

TEST(ParseSubnet, TakesOnlyNetworks) {
  EXPECT_EQ(parse_subnet("10.213.0.0/16")->prefix, 16);
  for (const char* bad : {"", "10.0.0.0", "10.0.0.1/16", "10.0.0.0/33", "10.0.0.0/x", "/8"})
    EXPECT_FALSE(parse_subnet(bad)) << bad;
}

}  // namespace
}  // namespace starling::netboot
