// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/boot_menu.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

namespace starling::netboot {
namespace {

// Parameters that say how this node itself came up, not what it is.
constexpr std::array<std::string_view, 15> kOwn = {
    "BOOT_IMAGE=", "initrd=", "BOOTIF=",  "ip=",        "fetch=",     "httpfs=",
    "ftpfs=",      "toram",   "findiso=", "fromiso=",   "live-media", "starling.number=",
    "hostname=",   "live-config.hostname=", "systemd.hostname="};

bool about_own_boot(std::string_view word) {
  return std::ranges::any_of(kOwn, [word](auto p) { return word.starts_with(p); });
}

// Boot loaders split lines in ways of their own: what could end a word, start a comment or a
// variable there is not passed on.
bool plain(std::string_view word) {
  return std::ranges::all_of(word, [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f &&
           std::string_view("\"'\\$;{}#&|<>`").find(c) == std::string_view::npos;
  });
}

}  // namespace

std::string command_line(const std::string& own, const std::string& server) {
  std::istringstream words(own);
  std::string line;
  for (std::string word; words >> word;)
    if (!about_own_boot(word) && plain(word)) line += word + ' ';
  return line + "fetch=http://" + server + "/live/filesystem.squashfs";
}

std::string http_server(const std::string& address, int port) {
  return port == 80 ? address : address + ":" + std::to_string(port);
}

std::string pxelinux_config(const std::string& own_cmdline, const std::string& server) {
  return "SERIAL 0 115200\n"
         "PROMPT 0\n"
         "DEFAULT starling\n"
         "LABEL starling\n"
         "  SAY Starling from " + server + "\n"
         "  KERNEL live/vmlinuz\n"
         "  INITRD live/initrd\n"
         "  APPEND " + command_line(own_cmdline, server) + " ip=dhcp\n"
         "  # BOOTIF=, the interface to use\n"
         "  SYSAPPEND 2\n";
}

std::string ipxe_script(const std::string& own_cmdline, const std::string& server) {
  const auto line = command_line(own_cmdline, server) + " ip=dhcp BOOTIF=01-${netX/mac:hexhyp}";
  const auto http = "http://" + server + "/";
  const auto tftp = "tftp://" + server.substr(0, server.find(':')) + "/";
  return "#!ipxe\n"
         "echo Starling from " + server + "\n"
         "kernel " + http + "live/vmlinuz " + line + " || kernel " + tftp + "live/vmlinuz " + line +
         " || goto pxelinux\n"
         "initrd " + http + "live/initrd || initrd " + tftp + "live/initrd || goto pxelinux\n"
         "boot || goto pxelinux\n"
         ":pxelinux\n"
         "imgfree\n"
         "chain " + tftp + "pxelinux.0 ||\n"
         "echo No kernel from " + server + ". Trying again in 10 s.\n"
         "sleep 10\n"
         "reboot\n";
}

std::string grub_config(const std::string& own_cmdline, const std::string& server) {
  const auto line = command_line(own_cmdline, server) + " ip=dhcp BOOTIF=01-$net_default_mac";
  const auto from = [&](const std::string& device) {
    return "if linux (" + device + ")/live/vmlinuz " + line + "; then\n"
           "  initrd (" + device + ")/live/initrd\n"
           "  boot\n"
           "fi\n";
  };
  const auto address = server.substr(0, server.find(':'));
  return "echo \"Starling from " + server + "\"\n" + from("http," + server) +
         from("tftp," + address) +
         "echo \"No kernel from " + server + ". Trying again in 10 s.\"\n"
         "sleep 10\n"
         "reboot\n";
}

}  // namespace starling::netboot
