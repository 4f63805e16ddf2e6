// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace starling {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;
using Address6 = std::array<std::uint8_t, 16>;  // an IPv6 address in network byte order

inline Bytes as_bytes(std::string_view s) {
  return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
}

inline void put_be64(std::uint8_t* at, std::uint64_t v) {
  for (int i = 7; i >= 0; --i, v >>= 8) at[i] = static_cast<std::uint8_t>(v);
}
inline std::uint64_t get_be64(const std::uint8_t* at) {
  std::uint64_t v = 0;
  for (int i = 0; i < 8; ++i) v = v << 8 | at[i];
  return v;
}

// Lower-case hexadecimal.
std::string to_hex(Bytes bytes);
// Fills `out` from exactly 2 * out.size() hexadecimal digits; false when `text` is anything else.
bool from_hex(std::string_view text, MutableBytes out);

// "fe80::1"; the link is not part of it.
std::string to_string(const Address6& address);
std::optional<Address6> parse_address6(const std::string& text);

inline bool is_link_local(const Address6& a) {
  return a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
}
inline bool is_multicast(const Address6& a) {
  return a[0] == 0xff;
}

}  // namespace starling
