// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/qemu_command.h"

#include <array>
#include <cstdio>

#include "builder/core/error.h"

namespace starling::vm {
namespace {

std::string nic_device(const std::string& model) {
  if (model == "virtio") return "virtio-net-pci";
  if (model == "e1000" || model == "e1000e" || model == "rtl8139") return model;
  throw builder::Error("unknown network card '" + model + "'")
      .hint("one of virtio, e1000, e1000e, rtl8139");
}

// A comma in a value of QEMU's option lists is written twice.
std::string quoted(const std::filesystem::path& path) {
  std::string out;
  for (const char c : path.native()) out += c == ',' ? std::string(",,") : std::string(1, c);
  return out;
}

}  // namespace

std::string mac_address(int number) {
  std::array<char, 18> text{};
  std::snprintf(text.data(), text.size(), "52:54:00:53:%02x:%02x", 0x54 + (number >> 8 & 0x3f),
                number & 0xff);
  return text.data();
}

std::vector<std::string> qemu_command(const MachineSpec& s) {
  const auto id = std::to_string(s.number);
  std::vector<std::string> c = {"qemu-system-x86_64", "-name", "starling-" + id, "-nodefaults",
                                "-no-user-config"};
  const auto add = [&c](std::initializer_list<std::string> more) {
    c.insert(c.end(), more.begin(), more.end());
  };
  // graphics=off: SeaBIOS and the PXE ROM speak on the serial port too, where failures are read.
  add({"-machine", s.firmware == Firmware::bios ? "q35,graphics=off" : "q35"});
  if (s.accel == Accel::kvm)
    add({"-accel", "kvm", "-cpu", "host"});
  else  // the default translation cache would take 1 GiB of memory a machine
    add({"-accel", "tcg,tb-size=256", "-cpu", "max,la57=off"});
  add({"-m", std::to_string(s.memory_mib), "-smp", std::to_string(s.cpus), "-display", "none",
       "-vga", "std", "-rtc", "base=utc"});
  if (s.firmware == Firmware::uefi)
    add({"-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + quoted(s.uefi_code), "-drive",
         "if=pflash,unit=1,format=raw,file=" + quoted(s.uefi_vars)});
  add({"-serial", "file:" + s.serial_log.native()});
  add({"-chardev", "socket,id=qmp,server=on,wait=off,path=" + quoted(s.qmp_socket), "-mon",
       "chardev=qmp,mode=control"});
  add({"-device", "virtio-rng-pci"});
  if (!s.agent_socket.empty())
    add({"-device", "virtio-serial-pci", "-chardev",
         "socket,id=agent,server=on,wait=off,path=" + quoted(s.agent_socket), "-device",
         "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"});
  if (s.medium != Medium::none) {
    const bool cd = s.medium == Medium::cdrom;
    add({"-drive", std::string("if=none,id=medium,format=raw,readonly=on,media=") +
                       (cd ? "cdrom" : "disk") + ",file=" + quoted(s.image)});
    if (cd)
      add({"-device", "ide-cd,drive=medium,bus=ide.0,bootindex=1"});
    else
      add({"-device", "qemu-xhci", "-device", "usb-storage,drive=medium,removable=on,bootindex=1"});
  }
  if (!s.tap.empty()) {
    std::string device = nic_device(s.nic) + ",netdev=lan,mac=" + mac_address(s.number);
    if (s.medium == Medium::none && s.kernel.empty())
      device += ",bootindex=1";
    // OVMF drives virtio itself: without the ROM it is the firmware's own PXE that boots.
    if (s.firmware == Firmware::uefi && s.nic == "virtio") device += ",romfile=";
    add({"-netdev", "tap,id=lan,script=no,downscript=no,ifname=" + s.tap, "-device", device});
  }
  // A machine that found no boot server tries again instead of standing still.
  if (s.medium == Medium::none) add({"-boot", "reboot-timeout=3000"});
  if (!s.kernel.empty()) {
    add({"-kernel", s.kernel.native(), "-append", s.append});
    if (!s.initrd.empty()) add({"-initrd", s.initrd.native()});
  }
  return c;
}

UefiFiles find_uefi(const std::filesystem::path& root) {
  for (const std::string size : {"_4M", ""}) {
    UefiFiles files{root / ("OVMF_CODE" + size + ".fd"), root / ("OVMF_VARS" + size + ".fd")};
    if (std::filesystem::exists(files.code) && std::filesystem::exists(files.vars)) return files;
  }
  throw builder::Error("no UEFI firmware for QEMU found")
      .at_file(root)
      .hint("install the package ovmf");
}

}  // namespace starling::vm
