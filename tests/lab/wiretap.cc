// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/wiretap.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "agents/common/fail.h"

namespace starling::lab {

static constexpr std::uint16_t kPort = 7827;

Wiretap::Wiretap(const NetNs& net, const std::string& link) {
  net.inside([&] {
    fd_.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_IPV6)));
    if (!fd_) fail_errno("packet socket");
    const int room = 16 << 20;
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    packet_mreq everything{};
    everything.mr_ifindex = static_cast<int>(if_nametoindex(link.c_str()));
    everything.mr_type = PACKET_MR_PROMISC;
    sockaddr_ll self{};
    self.sll_family = AF_PACKET;
    self.sll_protocol = htons(ETH_P_IPV6);
    self.sll_ifindex = everything.mr_ifindex;
    if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&self), sizeof self) != 0 ||
        ::setsockopt(fd_.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &everything,
                     sizeof everything) != 0) {
      fail_errno(link);
    }
  });
}

void Wiretap::forget() {
  std::array<std::uint8_t, 2048> buffer;
  while (::recv(fd_.get(), buffer.data(), buffer.size(), 0) > 0) {
  }
}

std::vector<Frame> Wiretap::record(TimeNs duration) {
  std::vector<Frame> frames;
  const TimeNs end = monotonic_ns() + duration;
  while (true) {
    const TimeNs left = end - monotonic_ns();
    if (left <= 0) return frames;
    pollfd p{fd_.get(), POLLIN, 0};
    if (::poll(&p, 1, static_cast<int>(left / kMillisecond) + 1) <= 0) continue;
    std::array<std::uint8_t, 2048> buffer;
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (n < static_cast<ssize_t>(kPayloadAt)) continue;
    const bool ours = buffer[20] == IPPROTO_UDP && buffer[kUdpAt + 2] == kPort >> 8 &&
                      buffer[kUdpAt + 3] == (kPort & 0xff);
    if (!ours) continue;
    frames.emplace_back(buffer.begin(), buffer.begin() + n);
    // A veth leaves the checksum to hardware it does not have; the wire would have seen it whole.
    fix_checksum(frames.back());
  }
}

void Wiretap::send(const Frame& frame) {
  // A full queue of the veth is waited for: the frames are the test.
  while (::send(fd_.get(), frame.data(), frame.size(), 0) < 0) {
    if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR) fail_errno("wiretap");
    pollfd p{fd_.get(), POLLOUT, 0};
    ::poll(&p, 1, 10);
  }
}

void fix_checksum(Frame& frame) {
  const std::size_t length = frame.size() - kUdpAt;
  frame[kUdpAt + 6] = frame[kUdpAt + 7] = 0;
  std::uint32_t sum = IPPROTO_UDP + static_cast<std::uint32_t>(length);
  // Both addresses, then all of UDP.
  for (std::size_t i = 22; i < frame.size(); ++i) {
    sum += (i % 2 == 0) ? static_cast<std::uint32_t>(frame[i]) << 8 : frame[i];
  }
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  std::uint16_t checksum = static_cast<std::uint16_t>(~sum);
  if (checksum == 0) checksum = 0xffff;
  frame[kUdpAt + 6] = static_cast<std::uint8_t>(checksum >> 8);
  frame[kUdpAt + 7] = static_cast<std::uint8_t>(checksum);
}

Frame with_payload(const Frame& like, const std::vector<std::uint8_t>& payload) {
  static constexpr std::uint8_t kGroupMac[] = {0x33, 0x33, 'S', 't', 'a', 'r'};
  static constexpr std::uint8_t kGroup[] = {0xff, 0x12, 0, 0, 0,   0,   0,   0,
                                            0,    0,    0, 0, 'S', 't', 'a', 'r'};
  Frame frame = like;
  frame.resize(kPayloadAt + payload.size());
  std::copy(payload.begin(), payload.end(), frame.begin() + kPayloadAt);
  std::memcpy(frame.data(), kGroupMac, sizeof kGroupMac);
  std::memcpy(frame.data() + 38, kGroup, sizeof kGroup);
  const std::size_t length = frame.size() - kUdpAt;
  frame[18] = frame[kUdpAt + 4] = static_cast<std::uint8_t>(length >> 8);
  frame[19] = frame[kUdpAt + 5] = static_cast<std::uint8_t>(length);
  fix_checksum(frame);
  return frame;
}

}  // namespace starling::lab
