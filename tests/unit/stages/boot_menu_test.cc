// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/boot_menu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder/config/config.h"

namespace starling::builder {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(BootMenu, EveryEntryBootsLiveOnScreenAndSerialWithThePersonsParameters) {
  Config config;
  config.boot_parameters = {"intel_iommu=off", "foo"};
  const auto entries = boot_entries(config);
  ASSERT_EQ(entries.size(), 4u);
  for (const auto& e : entries) {
    EXPECT_THAT(e.parameters, HasSubstr("boot=live"));
    EXPECT_THAT(e.parameters, HasSubstr("no_timer_check"));
    EXPECT_THAT(e.parameters, HasSubstr("console=tty0 console=ttyS0,115200"));
    EXPECT_TRUE(e.parameters.ends_with(" intel_iommu=off foo")) << e.parameters;
  }
  EXPECT_EQ(entries[0].id, "starling");
  EXPECT_THAT(entries[0].parameters, Not(HasSubstr("mask")));
  EXPECT_THAT(entries[1].parameters, HasSubstr(" toram"));
  EXPECT_THAT(entries[2].parameters, HasSubstr("systemd.mask=starlingd.service"));
}

TEST(BootMenu, IsolinuxStartsTheFirstEntryAfterTwoSeconds) {
  const std::string text = isolinux_config(Config{});
  EXPECT_THAT(text, HasSubstr("TIMEOUT 20\n"));  // tenths of a second; 0 would wait forever
  EXPECT_THAT(text, HasSubstr("DEFAULT starling\n"));
  EXPECT_THAT(text, HasSubstr("LABEL starling\n"));
  EXPECT_THAT(text, HasSubstr("KERNEL /live/vmlinuz\n  INITRD /live/initrd\n"));
}

TEST(BootMenu, GrubNeverSetsPrefix) {
  for (const auto& text : {grub_config(Config{}), grub_netboot_config(Config{}),
                           grub_embedded_config("0123"), grub_netboot_embedded_config()})
    EXPECT_THAT(text, Not(HasSubstr("prefix")));
  EXPECT_THAT(grub_config(Config{}), HasSubstr("set timeout=2\n"));
}

TEST(BootMenu, GrubLooksForItsOwnImageOnly) {
  EXPECT_THAT(grub_embedded_config("00ff"), HasSubstr("--file /.disk/id/00ff\n"));
}

TEST(BootMenu, NetbootFetchesTheImageFromTheBootServer) {
  const std::string bios = pxelinux_config(Config{}), uefi = grub_netboot_config(Config{});
  EXPECT_THAT(bios, HasSubstr("SYSAPPEND 3\n"));
  EXPECT_THAT(bios, HasSubstr("fetch=http:///live/filesystem.squashfs"));
  EXPECT_THAT(uefi, HasSubstr("fetch=http://$server/live/filesystem.squashfs"));
  EXPECT_THAT(uefi, HasSubstr("BOOTIF=01-$net_default_mac"));
  EXPECT_THAT(bios, Not(HasSubstr("toram")));
  EXPECT_THAT(uefi, Not(HasSubstr("toram")));
}

}  // namespace
}  // namespace starling::builder
