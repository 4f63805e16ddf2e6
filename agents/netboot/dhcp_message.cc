// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/dhcp_message.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdio>

namespace starling::netboot {
namespace {

constexpr std::size_t kEthernet = 14, kIp = 20, kUdp = 8, kBootp = 236, kCookie = 4;
constexpr std::uint16_t kServerPort = 67, kClientPort = 68;
constexpr std::array<std::uint8_t, 4> kMagic = {99, 130, 83, 99};
constexpr std::uint8_t kOptionPad = 0, kOptionType = 53, kOptionServer = 54, kOptionEnd = 255;
constexpr std::uint8_t kDiscover = 1, kOffer = 2;

void put16(std::vector<std::uint8_t>& v, std::size_t at, std::uint16_t x) {
  v[at] = static_cast<std::uint8_t>(x >> 8);
  v[at + 1] = static_cast<std::uint8_t>(x);
}
void put32(std::vector<std::uint8_t>& v, std::size_t at, std::uint32_t x) {
  put16(v, at, static_cast<std::uint16_t>(x >> 16));
  put16(v, at + 2, static_cast<std::uint16_t>(x));
}
std::uint16_t get16(std::span<const std::uint8_t> s, std::size_t at) {
  return static_cast<std::uint16_t>(s[at] << 8 | s[at + 1]);
}
std::uint32_t get32(std::span<const std::uint8_t> s, std::size_t at) {
  return static_cast<std::uint32_t>(get16(s, at)) << 16 | get16(s, at + 2);
}

std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += get16(bytes, i);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

// The UDP payload of a frame that goes from a DHCP server to a client; empty for others.
std::span<const std::uint8_t> dhcp_payload(std::span<const std::uint8_t> frame) {
  if (frame.size() < kEthernet + kIp + kUdp || get16(frame, 12) != 0x0800) return {};
  auto ip = frame.subspan(kEthernet);
  const std::size_t header = static_cast<std::size_t>(ip[0] & 0x0f) * 4;
  const std::size_t total = get16(ip, 2);
  if (ip[0] >> 4 != 4 || header < kIp || total > ip.size() || total < header + kUdp) return {};
  if (ip[9] != 17 || (get16(ip, 6) & 0x3fff) != 0) return {};  // UDP, not a fragment
  ip = ip.first(total);
  const auto udp = ip.subspan(header);
  const std::size_t length = get16(udp, 4);
  if (get16(udp, 0) != kServerPort || get16(udp, 2) != kClientPort) return {};
  if (length < kUdp || length > udp.size()) return {};
  return udp.first(length).subspan(kUdp);
}

}  // namespace

std::vector<std::uint8_t> make_discover(const Mac& mac, std::uint32_t transaction) {
  const std::vector<std::uint8_t> options = {kOptionType, 1, kDiscover,
                                             55, 4, 1, 3, 54, kFlockOption, kOptionEnd};
  // 300 bytes is what BOOTP relays expect at least.
  const std::size_t dhcp = std::max<std::size_t>(kBootp + kCookie + options.size(), 300);
  std::vector<std::uint8_t> f(kEthernet + kIp + kUdp + dhcp);
  std::fill_n(f.begin(), 6, 0xff);
  std::copy(mac.begin(), mac.end(), f.begin() + 6);
  put16(f, 12, 0x0800);

  const std::size_t ip = kEthernet;
  f[ip] = 0x45;
  put16(f, ip + 2, static_cast<std::uint16_t>(kIp + kUdp + dhcp));
  f[ip + 8] = 64;
  f[ip + 9] = 17;
  put32(f, ip + 16, 0xffffffff);
  put16(f, ip + 10, internet_checksum(std::span(f).subspan(ip, kIp)));

  const std::size_t udp = ip + kIp;
  put16(f, udp, kClientPort);
  put16(f, udp + 2, kServerPort);
  put16(f, udp + 4, static_cast<std::uint16_t>(kUdp + dhcp));  // checksum 0: not used

  const std::size_t bootp = udp + kUdp;
  f[bootp] = 1;      // request
  f[bootp + 1] = 1;  // Ethernet
  f[bootp + 2] = 6;
  put32(f, bootp + 4, transaction);
  put16(f, bootp + 10, 0x8000);  // answer by broadcast
  std::copy(mac.begin(), mac.end(), f.begin() + static_cast<std::ptrdiff_t>(bootp + 28));
  const auto cookie = f.begin() + static_cast<std::ptrdiff_t>(bootp + kBootp);
  std::copy(options.begin(), options.end(), std::copy(kMagic.begin(), kMagic.end(), cookie));
  return f;
}

std::optional<Offer> parse_offer(std::span<const std::uint8_t> frame, const Mac& mac,
                                 std::uint32_t transaction) {
  const auto m = dhcp_payload(frame);
  if (m.size() < kBootp + kCookie || m[0] != 2 || m[1] != 1 || m[2] != 6) return std::nullopt;
  if (get32(m, 4) != transaction || !std::equal(mac.begin(), mac.end(), m.begin() + 28))
    return std::nullopt;
  if (!std::equal(kMagic.begin(), kMagic.end(), m.begin() + kBootp)) return std::nullopt;
  Offer offer;
  offer.address = get32(m, 16);
  bool is_offer = false;
  auto options = m.subspan(kBootp + kCookie);
  while (!options.empty() && options[0] != kOptionEnd) {
    if (options[0] == kOptionPad) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options.size() < 2u + options[1]) return std::nullopt;
    const auto value = options.subspan(2, options[1]);
    if (options[0] == kOptionType) is_offer = value.size() == 1 && value[0] == kOffer;
    if (options[0] == kOptionServer && value.size() == 4) offer.server = get32(value, 0);
    if (options[0] == kFlockOption) offer.flock.assign(value.begin(), value.end());
    options = options.subspan(2 + value.size());
  }
  if (!is_offer) return std::nullopt;
  return offer;
}

std::string to_string(Ipv4 address) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%u.%u.%u.%u", address >> 24, address >> 16 & 0xff,
                address >> 8 & 0xff, address & 0xff);
  return text.data();
}

std::optional<Ipv4> parse_ipv4(const std::string& text) {
  in_addr address{};
  if (::inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

std::string to_string(const Mac& m) {
  std::array<char, 18> text{};
  std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
                m[4], m[5]);
  return text.data();
}

}  // namespace starling::netboot
