// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/virtual_switch.h"

#include <unistd.h>

#include <atomic>
#include <charconv>

#include "builder/core/error.h"
#include "builder/vm/process.h"

namespace starling::vm {
namespace {

constexpr std::string_view kPrefix = "starling-vm-";
const std::filesystem::path kNetworks = "/run/netns";

std::string next_name() {
  static std::atomic<int> count = 0;
  return std::string(kPrefix) + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

}  // namespace

VirtualSwitch::VirtualSwitch() : name_(next_name()) {
  if (::geteuid() != 0)
    throw builder::Error("a virtual network needs root").hint("run it with sudo");
  run_tool({"ip", "netns", "add", name_});
  try {
    run_tool({"ip", "-n", name_, "link", "set", "lo", "up"});
    // No snooping, no spanning tree: a frame that comes in goes out everywhere, at once.
    run_tool({"ip", "-n", name_, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0",
              "stp_state", "0", "forward_delay", "0"});
    run_tool({"ip", "-n", name_, "link", "set", "br0", "addrgenmode", "none", "up"});
    run_tool({"ip", "-n", name_, "link", "add", kHostPort, "type", "veth", "peer", "name",
              "host0p"});
    add_port("host0p");
    run_tool({"ip", "-n", name_, "link", "set", kHostPort, "up"});
  } catch (...) {
    try_tool({"ip", "netns", "del", name_});
    throw;
  }
}

VirtualSwitch::~VirtualSwitch() { try_tool({"ip", "netns", "del", name_}); }

void VirtualSwitch::add_port(const std::string& port) {
  run_tool({"ip", "-n", name_, "link", "set", port, "master", "br0", "addrgenmode", "none", "up"});
  run_tool({"bridge", "-n", name_, "link", "set", "dev", port, "learning", "off", "flood", "on",
            "mcast_flood", "on", "bcast_flood", "on"});
}

std::string VirtualSwitch::add_tap() {
  const auto tap = "tap" + std::to_string(++taps_);
  run_tool({"ip", "-n", name_, "tuntap", "add", "dev", tap, "mode", "tap", "vnet_hdr"});
  add_port(tap);
  return tap;
}

void VirtualSwitch::set_link(const std::string& port, bool plugged) {
  run_tool({"ip", "-n", name_, "link", "set", port, plugged ? "up" : "down"});
}

void VirtualSwitch::add_host_address(const std::string& cidr) {
  run_tool({"ip", "-n", name_, "addr", "add", cidr, "dev", kHostPort});
}

std::filesystem::path VirtualSwitch::network() const { return kNetworks / name_; }

long VirtualSwitch::owner_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return 0;
  name.remove_prefix(kPrefix.size());
  long pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (error != std::errc() || end == name.data() + name.size() || *end != '-' || pid <= 0) return 0;
  return pid;
}

std::vector<std::string> VirtualSwitch::remove_leftovers() {
  std::vector<std::string> removed;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(kNetworks, none)) {
    const auto name = entry.path().filename().string();
    const long pid = owner_of(name);
    if (pid == 0 || std::filesystem::exists("/proc/" + std::to_string(pid))) continue;
    if (try_tool({"ip", "netns", "del", name}) == 0) removed.push_back(name);
  }
  return removed;
}

}  // namespace starling::vm
