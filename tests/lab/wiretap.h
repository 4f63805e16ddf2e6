// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "agents/common/clock.h"
#include "agents/common/unique_fd.h"
#include "tests/lab/net_ns.h"

namespace starling::lab {

using Frame = std::vector<std::uint8_t>;  // from the Ethernet header on

// An intruder on the wire: hears every frame of the segment and can send any.
class Wiretap {
 public:
  // Listens on `link` in `net`.
  Wiretap(const NetNs& net, const std::string& link);

  // All UDP frames to the flock's port heard in `duration`.
  std::vector<Frame> record(TimeNs duration);
  // Drops what was heard so far.
  void forget();
  void send(const Frame& frame);

 private:
  UniqueFd fd_;
};

// Parts of an Ethernet frame with IPv6 and UDP.
inline constexpr std::size_t kUdpAt = 14 + 40;
inline constexpr std::size_t kPayloadAt = kUdpAt + 8;

// Makes the UDP checksum right again after a change.
void fix_checksum(Frame& frame);
// Multicast to the flock's group, as from `like`'s sender, with another UDP payload.
Frame with_payload(const Frame& like, const std::vector<std::uint8_t>& payload);

}  // namespace starling::lab
