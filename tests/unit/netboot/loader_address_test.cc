// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/loader_address.h"

#include <gtest/gtest.h>

#include "builder/config/config.h"
#include "builder/stages/boot_menu.h"

namespace starling::netboot {
namespace {

// Binary around it, as in a grub image.
std::string loader(const std::string& config) {
  return std::string("MZ\0\x90", 4) + config + std::string("\0\xff", 2);
}

TEST(WithBootServer, FillsThePlaceTheBuilderLeft) {
  const auto before = loader(builder::grub_netboot_embedded_config());
  const auto after = with_boot_server(before, "192.0.2.5");
  ASSERT_TRUE(after);
  EXPECT_EQ(after->size(), before.size());
  EXPECT_NE(after->find("\nset starling_server=192.0.2.5 "), std::string::npos);
  EXPECT_NE(after->find("configfile (http,$starling_server)/grub/grub.cfg\n"), std::string::npos);
  EXPECT_FALSE(with_boot_server(*after, "192.0.2.6")) << "filled twice";
  EXPECT_TRUE(with_boot_server(before, "255.255.255.255"));
}

TEST(WithBootServer, LeavesOtherLoadersAlone) {
  EXPECT_FALSE(with_boot_server(loader("net_bootp\n"), "192.0.2.5"));
  const auto config = builder::grub_netboot_embedded_config();
  EXPECT_FALSE(with_boot_server(loader(config + config), "192.0.2.5"));
  EXPECT_FALSE(with_boot_server(loader(config), std::string(25, '1')));
  EXPECT_FALSE(with_boot_server("", "192.0.2.5"));
}

}  // namespace
}  // namespace starling::netboot
