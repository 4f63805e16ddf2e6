// SPDX-License-Identifier: GPL-2.0-or-later
// Where a datagram came from or goes to, as a small value the core can compare and store.
#pragma once

#include <cstdint>

namespace starling::membership {

// An IPv6 socket address. hi/lo are the two halves of the address as numbers (hi of a link-local
// address is 0xfe80000000000000). `scope` is the local interface index and never leaves this
// machine: an address heard from a third party gets the scope of the datagram that brought it.
struct Address {
  uint64_t hi = 0;
  uint64_t lo = 0;
  uint32_t scope = 0;
  uint16_t port = 0;

  friend bool operator==(const Address&, const Address&) = default;
};

inline constexpr uint64_t kLinkLocalPrefix = 0xfe80000000000000ULL;

}  // namespace starling::membership
