// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/boot_menu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace starling::netboot {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(CommandLine, InheritsWhatTheNodeIsAndNotHowItBooted) {
  EXPECT_EQ(command_line("BOOT_IMAGE=/live/vmlinuz boot=live quiet ip=dhcp toram "
                         "fetch=http://10.0.0.9/live/filesystem.squashfs BOOTIF=01-52 "
                         "initrd=initrd hostname=west starling.flock=lab starling.number=4\n",
                         "10.213.0.1"),
            "boot=live quiet starling.flock=lab fetch=http://10.213.0.1/live/filesystem.squashfs");
}

TEST(CommandLine, PassesOnNothingALoaderWouldInterpret) {
  EXPECT_EQ(command_line("a $(reboot) b;c 'q' d=\"e\" ok", "s"),
            "a ok fetch=http://s/live/filesystem.squashfs");
}

TEST(HttpServer, NamesItsPortOnlyIfItMust) {
  EXPECT_EQ(http_server("10.0.0.1", 80), "10.0.0.1");
  EXPECT_EQ(http_server("10.0.0.1", 8069), "10.0.0.1:8069");
}

TEST(Menus, NameTheServer) {
  const auto pxelinux = pxelinux_config("boot=live", "10.213.0.1");
  EXPECT_THAT(pxelinux, HasSubstr("KERNEL live/vmlinuz\n  INITRD live/initrd\n"));
  EXPECT_THAT(pxelinux, HasSubstr("APPEND boot=live fetch=http://10.213.0.1/live/"));
  const auto ipxe = ipxe_script("boot=live", "10.213.0.1:8069");
  EXPECT_THAT(ipxe, StartsWith("#!ipxe\n"));
  EXPECT_THAT(ipxe, HasSubstr("\nkernel http://10.213.0.1:8069/live/vmlinuz boot=live "
                              "fetch=http://10.213.0.1:8069/live/filesystem.squashfs ip=dhcp "
                              "BOOTIF=01-${netX/mac:hexhyp} || kernel tftp://10.213.0.1/live/"));
  EXPECT_THAT(ipxe, HasSubstr("\ninitrd http://10.213.0.1:8069/live/initrd || initrd tftp://"));
  EXPECT_THAT(ipxe, HasSubstr("\nchain tftp://10.213.0.1/pxelinux.0 ||\n"));
  const auto grub = grub_config("boot=live", "10.213.0.1:8069");
  EXPECT_THAT(grub, HasSubstr("if linux (http,10.213.0.1:8069)/live/vmlinuz boot=live "));
  EXPECT_THAT(grub, HasSubstr("if linux (tftp,10.213.0.1)/live/vmlinuz boot=live "));
}

}  // namespace
}  // namespace starling::netboot
