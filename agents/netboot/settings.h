// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "agents/netboot/boot_files.h"
#include "agents/netboot/dnsmasq_config.h"

namespace starling::netboot {

enum class Policy { automatic, off, proxy, full };

// starling-netboot.conf(5)
struct Settings {
  Policy policy = Policy::automatic;
  Subnet network;                 // full mode: our addresses
  int http_port = 80;
  bool ipxe = true;               // a ROM that is iPXE loads by HTTP, without pxelinux
  std::string interfaces;         // as in starling.conf
  std::string flock;              // name of the flock, to know its DHCP servers by
  std::filesystem::path control_socket;
  std::filesystem::path run_dir;  // generated files, status.json
  std::filesystem::path cmdline = "/proc/cmdline";
  BootRoots roots;
  int settle_ms = 2000;           // lowest for this long before answering
  bool check_only = false;
  bool show_help = false;
};

struct SettingsError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Command line before kernel parameter (starling.netboot=, starling.flock=) before
// /etc/starling/netboot.conf before /usr/lib/starling/netboot.conf. Throws SettingsError.
Settings load_settings(const std::vector<std::string>& arguments,
                       const std::vector<std::filesystem::path>& files = {
                           "/etc/starling/netboot.conf", "/usr/lib/starling/netboot.conf"});

std::string help_text();

}  // namespace starling::netboot
