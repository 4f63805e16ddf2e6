// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace starling::vm {

// One Ethernet that floods every frame to all ports, as switches do with a MAC address they have
// not learned: a bridge with learning off in a network namespace of its own, so that neither its
// frames nor its DHCP answers reach the host's networks. Ports are tap devices for machines, and
// one port ("host0") belongs to tests, which run DHCP servers or packet sockets on it.
// Everything goes when the object does; what a killed run left is removed by remove_leftovers().
// Needs root.
class VirtualSwitch {
 public:
  // Makes the namespace and the bridge. Throws builder::Error.
  VirtualSwitch();
  ~VirtualSwitch();
  VirtualSwitch(const VirtualSwitch&) = delete;
  VirtualSwitch& operator=(const VirtualSwitch&) = delete;

  // Adds a port and gives the tap's name, for QEMU's ifname=.
  std::string add_tap();
  // Pulls the cable of a port, or plugs it in again: no frame passes while it is out.
  void set_link(const std::string& port, bool plugged);
  // Gives the tests' own port an address, e.g. "192.0.2.1/24", in addition to those it has.
  void add_host_address(const std::string& cidr);

  const std::string& name() const { return name_; }
  // The file to setns() into (SpawnOptions::network).
  std::filesystem::path network() const;
  // "ip netns exec NAME", for people and tests.
  std::vector<std::string> exec_prefix() const { return {"ip", "netns", "exec", name_}; }

  static constexpr const char* kHostPort = "host0";

  // Deletes namespaces of runs whose process is gone; gives their names.
  static std::vector<std::string> remove_leftovers();
  // The process number in a namespace's name, or 0 for a name that is not ours.
  static long owner_of(std::string_view name);

 private:
  void add_port(const std::string& port);

  std::string name_;
  int taps_ = 0;
};

}  // namespace starling::vm
