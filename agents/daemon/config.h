// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "agents/common/log.h"

namespace starling::daemon {

// Everything that can be set, by command line, kernel parameter or file; starling.conf(5).
struct Config {
  std::string flock;
  std::filesystem::path key_file;
  std::optional<std::string> key_parameter;  // starling.key= of the kernel command line
  std::uint16_t port = 0;
  std::string interfaces;
  int priority = 0;          // SCHED_FIFO, 1 to 99; 0: an ordinary thread
  std::uint16_t number = 0;  // preferred node number; 0: none
  std::string machine;       // 16 hexadecimal digits; empty: from the hardware
  std::filesystem::path control_socket;
  std::filesystem::path state_dir;
  std::filesystem::path issue_file;  // empty: none
  std::filesystem::path hpc_device;
  std::filesystem::path image_id_file;
  std::filesystem::path helper_dir;   // empty: beside the daemon, else /usr/lib/starling
  std::filesystem::path move_socket;  // never empty
  std::uint32_t max_guests = 0;
  std::uint64_t guest_memory = 0;      // bytes; 0: no limit
  std::filesystem::path guest_cgroup;  // where guests get groups of their own; empty: nowhere
  std::filesystem::path netboot_dir;
  LogLevel log_level = LogLevel::kInfo;

  bool show_help = false;
  bool show_version = false;
  bool check_only = false;
};

// A mistake of the person who wrote the option; what() begins with file:line when there is one.
struct ConfigError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Where options come from, in order of precedence; replaced in tests.
struct ConfigSources {
  std::filesystem::path kernel_cmdline = "/proc/cmdline";
  std::filesystem::path main_file = "/etc/starling/starling.conf";
  std::filesystem::path drop_ins = "/etc/starling/starling.d";
  std::filesystem::path defaults = "/usr/lib/starling/starling.conf";
  std::filesystem::path own_cgroup = "/proc/self/cgroup";
};

// Command line before kernel parameters before drop-ins (later names first) before the main file
// before the vendor's defaults. Throws ConfigError.
Config load_config(const std::vector<std::string>& arguments, const ConfigSources& sources = {});

void print_help(std::ostream& out);

}  // namespace starling::daemon
