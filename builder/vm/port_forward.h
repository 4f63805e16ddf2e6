// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <thread>
#include <utility>  // before asio: Boost 1.74's awaitable.hpp forgets it

#include <boost/asio/io_context.hpp>

#include "builder/vm/virtual_switch.h"

namespace starling::vm {

// Makes a TCP port of a machine on a virtual switch reachable from this host: listens on
// 127.0.0.1 and carries bytes to the machine's IPv6 link-local address, which follows from its
// MAC address and needs no address plan. Runs in a thread of its own until destroyed.
class PortForward {
 public:
  // Throws builder::Error when `host_port` cannot be listened on.
  PortForward(int host_port, const VirtualSwitch& network, int machine, int machine_port);
  ~PortForward();
  PortForward(const PortForward&) = delete;
  PortForward& operator=(const PortForward&) = delete;

 private:
  boost::asio::io_context io_;
  std::thread thread_;
};

// The link-local address (EUI-64) that belongs to a machine's MAC address.
std::string link_local_address(int machine);

}  // namespace starling::vm
