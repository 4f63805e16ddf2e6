// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/udp_transport.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "agents/common/fail.h"
#include "agents/common/log.h"

namespace starling {

const Address6 UdpTransport::kGroup = {0xff, 0x12, 0, 0, 0,   0,   0,   0,
                                       0,    0,    0, 0, 'S', 't', 'a', 'r'};

// One byte more than the longest datagram tells a longer one from one that just fits.
struct UdpTransport::Slot {
  sockaddr_in6 from;
  alignas(cmsghdr) char control[256];
  std::uint8_t data[kMaxDatagram + 1];
};

static void set_option(int fd, int level, int option, int value, const char* name) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0) fail_errno(name);
}

UdpTransport::UdpTransport(std::uint16_t port)
    : fd_(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP)),
      port_(port),
      slots_(kBatch) {
  if (!fd_) fail_errno("IPv6 socket");
  const int fd = fd_.get();
  set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
  set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO");
  set_option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, "IPV6_RECVHOPLIMIT");
  // 255 cannot be reached by anything that came through a router.
  set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 255, "IPV6_UNICAST_HOPS");
  set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 255, "IPV6_MULTICAST_HOPS");
  set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0, "IPV6_MULTICAST_LOOP");
  set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0, "IPV6_MULTICAST_ALL");
  set_option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS");
  // Room for a burst of a few thousand small datagrams; the forced size needs privileges, the
  // other is capped by net.core.rmem_max.
  const int room = 4 << 20;
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0) {
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  }
  // CS6: what keeps the network together goes before what it carries.
  const int traffic_class = 0xc0;
  ::setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &traffic_class, sizeof traffic_class);
  sockaddr_in6 self{};
  self.sin6_family = AF_INET6;
  self.sin6_port = htons(port);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&self), sizeof self) != 0) {
    fail_errno("UDP port " + std::to_string(port));
  }
}

UdpTransport::~UdpTransport() = default;

void UdpTransport::change_membership(std::uint32_t interface, bool join) {
  ipv6_mreq request{};
  std::memcpy(&request.ipv6mr_multiaddr, kGroup.data(), kGroup.size());
  request.ipv6mr_interface = interface;
  const int option = join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP;
  if (::setsockopt(fd_.get(), IPPROTO_IPV6, option, &request, sizeof request) != 0 && join &&
      errno != EADDRINUSE && errno != ENODEV) {
    ++counters_.send_failed;
  }
}

void UdpTransport::set_ports(const std::vector<Port>& ports) {
  const auto has = [](const std::vector<Port>& list, std::uint32_t interface) {
    return std::any_of(list.begin(), list.end(),
                       [&](const Port& p) { return p.interface == interface; });
  };
  for (const Port& p : ports_) {
    if (!has(ports, p.interface)) change_membership(p.interface, false);
  }
  for (const Port& p : ports) {
    // Also on links held before: one that was deleted and made again with the same index has
    // lost its membership, and joining twice does no harm.
    change_membership(p.interface, true);
  }
  ports_ = ports;
}

const Port* UdpTransport::find_port(std::uint32_t interface) const {
  for (const Port& p : ports_) {
    if (p.interface == interface) return &p;
  }
  return nullptr;
}

bool UdpTransport::send(const Path& path, Bytes datagram) {
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(port_);
  to.sin6_scope_id = path.interface;
  std::memcpy(&to.sin6_addr, path.destination.data(), path.destination.size());
  iovec io{const_cast<std::uint8_t*>(datagram.data()), datagram.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in6_pktinfo))] = {};
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = sizeof to;
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = IPPROTO_IPV6;
  c->cmsg_type = IPV6_PKTINFO;
  c->cmsg_len = CMSG_LEN(sizeof(in6_pktinfo));
  in6_pktinfo info{};
  std::memcpy(&info.ipi6_addr, path.source.data(), path.source.size());
  info.ipi6_ifindex = path.interface;
  std::memcpy(CMSG_DATA(c), &info, sizeof info);
  if (::sendmsg(fd_.get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(datagram.size())) {
    return true;
  }
  ++counters_.send_failed;
  return false;
}

std::size_t UdpTransport::receive(std::size_t limit, const Handler& handler) {
  std::size_t total = 0;
  while (total < limit) {
    std::array<mmsghdr, kBatch> messages{};
    std::array<iovec, kBatch> io;
    const std::size_t want = std::min(kBatch, limit - total);
    for (std::size_t i = 0; i < want; ++i) {
      io[i] = {slots_[i].data, sizeof slots_[i].data};
      messages[i].msg_hdr.msg_name = &slots_[i].from;
      messages[i].msg_hdr.msg_namelen = sizeof slots_[i].from;
      messages[i].msg_hdr.msg_iov = &io[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_control = slots_[i].control;
      messages[i].msg_hdr.msg_controllen = sizeof slots_[i].control;
    }
    const int n =
        ::recvmmsg(fd_.get(), messages.data(), static_cast<unsigned>(want), MSG_DONTWAIT, nullptr);
    if (n <= 0) break;  // nothing waits, or an ICMP error was fetched: the next round goes on
    const TimeNs now_real = realtime_ns();
    const TimeNs now_mono = monotonic_ns();
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      ++counters_.received;
      msghdr& header = messages[i].msg_hdr;
      Path path;
      bool direct = false;
      TimeNs arrived = now_mono;
      for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
          in6_pktinfo info;
          std::memcpy(&info, CMSG_DATA(c), sizeof info);
          path.interface = info.ipi6_ifindex;
          std::memcpy(path.destination.data(), &info.ipi6_addr, 16);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT) {
          int hops = 0;
          std::memcpy(&hops, CMSG_DATA(c), sizeof hops);
          direct = hops == 255;
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
          timespec stamp;
          std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
          arrived = stamp_to_monotonic(to_ns(stamp), now_real, now_mono);
        }
      }
      std::memcpy(path.source.data(), &slots_[i].from.sin6_addr, 16);
      const Port* port = find_port(path.interface);
      if (!port || !direct || !is_link_local(path.source) ||
          ntohs(slots_[i].from.sin6_port) != port_ ||
          (path.destination != kGroup && path.destination != port->address)) {
        ++counters_.off_link;
      } else if (header.msg_flags & MSG_TRUNC) {
        ++counters_.truncated;
      } else {
        handler(path, port->address, Bytes(slots_[i].data, messages[i].msg_len), arrived);
      }
    }
    total += static_cast<std::size_t>(n);
    if (static_cast<std::size_t>(n) < want) break;
  }
  return total;
}

}  // namespace starling
