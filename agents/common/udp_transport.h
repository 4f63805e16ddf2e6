// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/socket.h>

#include <functional>
#include <vector>

#include "agents/common/clock.h"
#include "agents/common/sealed_datagram.h"
#include "agents/common/unique_fd.h"

namespace starling {

// A link the flock uses, and this node's address on it.
struct Port {
  std::uint32_t interface = 0;
  Address6 address{};  // link-local, past duplicate detection
  friend bool operator==(const Port&, const Port&) = default;
};

struct TransportCounters {
  std::uint64_t received = 0;
  std::uint64_t off_link = 0;     // not from this link, or not to it, or on a link not in use
  std::uint64_t truncated = 0;    // longer than any datagram of ours
  std::uint64_t send_failed = 0;  // the kernel refused; the protocol sends again by itself
};

// One UDP socket over IPv6 link-local, in a multicast group on every port given to it. Datagrams
// come and go with both addresses and the link known, which the seal is bound to. Never blocks.
class UdpTransport {
 public:
  // ff12::5374:6172 ("Star"): link-local scope, transient.
  static const Address6 kGroup;

  // Binds. Throws std::system_error; EADDRINUSE when another daemon has the port.
  explicit UdpTransport(std::uint16_t port);
  ~UdpTransport();
  UdpTransport(const UdpTransport&) = delete;
  UdpTransport& operator=(const UdpTransport&) = delete;

  int fd() const { return fd_.get(); }
  std::uint16_t port() const { return port_; }

  // Joins the group on new links, leaves it on those gone. Links that vanished are no error.
  void set_ports(const std::vector<Port>& ports);
  const std::vector<Port>& ports() const { return ports_; }
  // Null when the link is not in use.
  const Port* find_port(std::uint32_t interface) const;

  // False, and counted, when the kernel would not take it (full queue, link gone, ...).
  bool send(const Path& path, Bytes datagram);

  // Reads up to `limit` datagrams that wait; returns how many there were. `datagram` is valid
  // during the call only, `arrived` is CLOCK_MONOTONIC as stamped by the kernel.
  using Handler =
      std::function<void(const Path& path, const Address6& local, Bytes datagram, TimeNs arrived)>;
  std::size_t receive(std::size_t limit, const Handler& handler);

  const TransportCounters& counters() const { return counters_; }

 private:
  static constexpr std::size_t kBatch = 16;
  struct Slot;

  void change_membership(std::uint32_t interface, bool join);

  UniqueFd fd_;
  std::uint16_t port_;
  std::vector<Port> ports_;
  std::vector<Slot> slots_;
  TransportCounters counters_;
};

}  // namespace starling
