// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/boot_menu.h"

#include "builder/config/config.h"

namespace starling::builder {

namespace {

// skipconfig: networking and fstab are the image's own business (networkd, tmp.mount), which saves
// a udev settle in the initramfs. The last console= is the one systemd's messages and the shell of
// an emergency go to: serial, where tests and headless nodes read them.
// no_timer_check: a processor emulated on a busy machine gets its timer interrupts late, which the
// kernel otherwise takes for broken wiring and panics (seen at a load of 20). Under KVM it leaves the
// check out by itself.
constexpr const char* kAlways = "boot=live skipconfig no_timer_check";
constexpr const char* kConsoles = "console=tty0 console=ttyS0,115200";
constexpr int kMenuSeconds = 2;

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& w : words) out += " " + w;
  return out;
}

}  // namespace

std::vector<BootEntry> boot_entries(const Config& config) {
  const std::string base = std::string(kAlways) + " " + kConsoles;
  const std::string extra = join(config.boot_parameters);
  return {
      {"starling", "Starling: join the flock", base + " quiet" + extra},
      {"toram", "Starling, from memory (the disc can go to the next machine)",
       base + " toram quiet" + extra},
      {"alone", "This machine alone, without the flock",
       base + " quiet systemd.mask=starlingd.service" + extra},
      {"debug", "Starling, showing every message", base + " debug loglevel=7" + extra},
  };
}

std::string isolinux_config(const Config& config) {
  std::string out =
      "SERIAL 0 115200\n"
      "UI menu.c32\n"
      "MENU TITLE Starling: " + config.flock + "\n"
      "PROMPT 0\n"
      "TIMEOUT " + std::to_string(kMenuSeconds * 10) + "\n"
      "DEFAULT starling\n";
  for (const auto& e : boot_entries(config))
    out += "\nLABEL " + e.id + "\n  MENU LABEL " + e.title +
           "\n  KERNEL /live/vmlinuz\n  INITRD /live/initrd\n  APPEND " + e.parameters + "\n";
  return out;
}

std::string grub_config(const Config& config) {
  std::string out =
      "# Both a screen and a serial line can choose; a machine without either boots all the same.\n"
      "if serial --unit=0 --speed=115200; then\n"
      "  terminal_input console serial\n"
      "  terminal_output console serial\n"
      "fi\n"
      "set default=starling\n"
      "set timeout=" + std::to_string(kMenuSeconds) + "\n";
  for (const auto& e : boot_entries(config))
    out += "\nmenuentry \"" + e.title + "\" --id " + e.id + " {\n  linux /live/vmlinuz " +
           e.parameters + "\n  initrd /live/initrd\n}\n";
  return out;
}

std::string pxelinux_config(const Config& config) {
  std::string out =
      "SERIAL 0 115200\n"
      "PROMPT 0\n"
      "TIMEOUT 10\n"
      "DEFAULT starling\n"
      "# 1: ip= with the boot server's address; 2: BOOTIF= with the interface's\n"
      "SYSAPPEND 3\n";
  for (const auto& e : boot_entries(config)) {
    if (e.id == "toram") continue;  // netbooted nodes run from memory anyway
    out += "\nLABEL " + e.id + "\n  KERNEL live/vmlinuz\n  INITRD live/initrd\n  APPEND " +
           e.parameters + " fetch=http:///live/filesystem.squashfs\n";
  }
  return out;
}

std::string grub_netboot_config(const Config& config) {
  std::string out =
      "set default=starling\n"
      "set timeout=1\n"
      "set server=$net_default_server\n";
  for (const auto& e : boot_entries(config)) {
    if (e.id == "toram") continue;
    out += "\nmenuentry \"" + e.title + "\" --id " + e.id +
           " {\n  linux (http,$server)/live/vmlinuz " + e.parameters +
           " fetch=http://$server/live/filesystem.squashfs BOOTIF=01-$net_default_mac\n"
           "  initrd (http,$server)/live/initrd\n}\n";
  }
  return out;
}

std::string grub_embedded_config(const std::string& image_id) {
  // Setting prefix to the disc would send grub looking for modules that are not there, and the
  // menu would never come up: only the configuration is taken from it.
  return "search --no-floppy --set=root --file /.disk/id/" + image_id + "\n"
         "configfile ($root)/boot/grub/grub.cfg\n";
}

std::string grub_netboot_embedded_config() {
  // Read by grub's rescue parser, which knows no "if". The five spaces are room for an address:
  // beside somebody else's DHCP server $net_default_server is that one, so a node writes its own
  // there (agents/netboot/loader_address.cc).
  return "net_bootp\n"
         "set starling_server=$net_default_server     \n"
         "configfile (http,$starling_server)/grub/grub.cfg\n"
         "configfile (tftp,$starling_server)/grub/grub.cfg\n";
}

}  // namespace starling::builder
