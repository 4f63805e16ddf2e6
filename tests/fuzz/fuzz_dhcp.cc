// SPDX-License-Identifier: GPL-2.0-or-later
// Frames that claim to answer our DHCPDISCOVER, and lines of dnsmasq's log, which quote what
// clients send.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "agents/netboot/boot_record.h"
#include "agents/netboot/dhcp_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling::netboot;
  Mac mac{};
  std::uint32_t transaction = 0;
  // What would fit is taken from the frame itself, so that the options behind it are reached.
  if (size >= 14 + 20 + 8 + 34) {
    std::memcpy(mac.data(), data + 14 + 20 + 8 + 28, mac.size());
    const std::uint8_t* x = data + 14 + 20 + 8 + 4;
    transaction = std::uint32_t{x[0]} << 24 | x[1] << 16 | x[2] << 8 | x[3];
  }
  (void)parse_offer({data, size}, mac, transaction);
  const std::string line(reinterpret_cast<const char*>(data), size);
  (void)read_dnsmasq_line(line);
  (void)read_dnsmasq_lease(line);
  return 0;
}
