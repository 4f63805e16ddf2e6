// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace starling::daemon {

// What decides how a node is called.
struct NamingFacts {
  std::string cmdline;       // of the kernel
  std::string configured;    // /etc/hostname: of all machines of an image the same
  std::string current;       // that the kernel has
  std::string last_given;    // by us, since the boot; empty: none
  std::uint16_t number = 0;  // of the node; 0: not known yet
  std::optional<std::array<std::uint8_t, 6>> mac;  // that identifies the machine
};

// The host name this node shall have: what hostname= of the kernel command line says; else the
// image's name with the node number, or as long as there is none with the end of the hardware
// address. Nothing when somebody has named the machine otherwise, or nothing is known to tell it
// from others by.
std::optional<std::string> host_name_for(const NamingFacts& facts);

// RFC 1123's label, or several joined by dots; at most 64 characters, which is the kernel's limit.
bool is_host_name(const std::string& name);

// The text of /etc/hosts with this name for 127.0.1.1, where sudo and others look it up.
std::string with_own_name(const std::string& hosts, const std::string& name);

}  // namespace starling::daemon
