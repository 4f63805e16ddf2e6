// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/qemu_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "builder/core/error.h"
#include "builder/vm/process.h"
#include "builder/vm/temporary_dir.h"

namespace starling::vm {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

MachineSpec spec() {
  MachineSpec s;
  s.number = 2;
  s.tap = "tap2";
  s.image = "/out/star,ling.iso";
  s.uefi_code = "/ovmf/code.fd";
  s.uefi_vars = "/run/n2.fd";
  s.serial_log = "/run/n2.serial.log";
  s.qmp_socket = "/run/n2.qmp";
  s.agent_socket = "/run/n2.agent";
  return s;
}

TEST(QemuCommand, BiosFromCd) {
  EXPECT_EQ(
      shell_line(qemu_command(spec())),
      "qemu-system-x86_64 -name starling-2 -nodefaults -no-user-config "
      "-machine q35,graphics=off -accel tcg,tb-size=256 -cpu max,la57=off -m 1024 -smp 1 "
      "-display none -vga std -rtc base=utc -serial file:/run/n2.serial.log "
      "-chardev socket,id=qmp,server=on,wait=off,path=/run/n2.qmp -mon chardev=qmp,mode=control "
      "-device virtio-rng-pci -device virtio-serial-pci "
      "-chardev socket,id=agent,server=on,wait=off,path=/run/n2.agent "
      "-device virtserialport,chardev=agent,name=org.qemu.guest_agent.0 "
      "-drive if=none,id=medium,format=raw,readonly=on,media=cdrom,file=/out/star,,ling.iso "
      "-device ide-cd,drive=medium,bus=ide.0,bootindex=1 "
      "-netdev tap,id=lan,script=no,downscript=no,ifname=tap2 "
      "-device virtio-net-pci,netdev=lan,mac=52:54:00:53:54:02");
}

TEST(QemuCommand, UefiDisklessBootsTheFirmwaresOwnPxe) {
  auto s = spec();
  s.firmware = Firmware::uefi;
  s.medium = Medium::none;
  const auto line = shell_line(qemu_command(s));
  EXPECT_THAT(line, HasSubstr("-machine q35 "));
  EXPECT_THAT(line, HasSubstr("-drive if=pflash,unit=0,format=raw,readonly=on,file=/ovmf/code.fd "
                              "-drive if=pflash,unit=1,format=raw,file=/run/n2.fd"));
  EXPECT_THAT(line, HasSubstr("mac=52:54:00:53:54:02,bootindex=1,romfile= "));
  EXPECT_THAT(line, Not(HasSubstr("medium")));
}

TEST(QemuCommand, BiosDisklessKeepsTheCardsRom) {
  auto s = spec();
  s.medium = Medium::none;
  s.nic = "e1000";
  const auto line = shell_line(qemu_command(s));
  EXPECT_THAT(line, HasSubstr("-device e1000,netdev=lan,mac=52:54:00:53:54:02,bootindex=1 "
                              "-boot reboot-timeout=3000"));
  EXPECT_THAT(line, Not(HasSubstr("romfile")));
}

TEST(QemuCommand, KvmAndUsbStick) {
  auto s = spec();
  s.accel = Accel::kvm;
  s.medium = Medium::usb;
  const auto line = shell_line(qemu_command(s));
  EXPECT_THAT(line, HasSubstr("-accel kvm -cpu host "));
  EXPECT_THAT(line, HasSubstr("media=disk"));
  EXPECT_THAT(line, HasSubstr("-device usb-storage,drive=medium,removable=on,bootindex=1"));
}

TEST(QemuCommand, RefusesAnUnknownCard) {
  auto s = spec();
  s.nic = "ne2000";
  EXPECT_THROW(qemu_command(s), builder::Error);
}

TEST(MacAddress, IsTheNodesNumber) {
  EXPECT_EQ(mac_address(1), "52:54:00:53:54:01");
  EXPECT_EQ(mac_address(255), "52:54:00:53:54:ff");
  EXPECT_EQ(mac_address(256), "52:54:00:53:55:00");
}

TEST(FindUefi, PrefersTheFourMegabyteBuild) {
  const TemporaryDir dir;
  EXPECT_THROW(find_uefi(dir.path()), builder::Error);
  for (const char* name : {"OVMF_CODE.fd", "OVMF_VARS.fd"}) std::ofstream(dir.path() / name) << 1;
  EXPECT_EQ(find_uefi(dir.path()).code, dir.path() / "OVMF_CODE.fd");
  for (const char* name : {"OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"})
    std::ofstream(dir.path() / name) << 1;
  EXPECT_EQ(find_uefi(dir.path()).code, dir.path() / "OVMF_CODE_4M.fd");
  EXPECT_EQ(find_uefi(dir.path()).vars, dir.path() / "OVMF_VARS_4M.fd");
}

}  // namespace
}  // namespace starling::vm
