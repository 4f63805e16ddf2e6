// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/ip_addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <bit>
#include <memory>

#include "agents/common/fail.h"

namespace starling::netboot {

std::map<std::string, std::vector<LinkAddress>> read_ipv4_addresses() {
  std::map<std::string, std::vector<LinkAddress>> out;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) fail_errno("getifaddrs");
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, ::freeifaddrs);
  for (const auto* a = list; a; a = a->ifa_next) {
    if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET || !a->ifa_netmask) continue;
    const auto ip = [](const sockaddr* s) {
      return ntohl(reinterpret_cast<const sockaddr_in*>(s)->sin_addr.s_addr);
    };
    out[a->ifa_name].push_back({ip(a->ifa_addr), std::popcount(ip(a->ifa_netmask))});
  }
  return out;
}

void add_ipv4_address(unsigned interface_index, Ipv4 address, int prefix) {
  const std::unique_ptr<mnl_socket, decltype(&::mnl_socket_close)> socket(
      ::mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC), ::mnl_socket_close);
  if (!socket || ::mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0)
    fail_errno("rtnetlink");
  std::array<char, 1024> buffer{};
  auto* message = ::mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = RTM_NEWADDR;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  message->nlmsg_seq = 1;
  auto* body = static_cast<ifaddrmsg*>(::mnl_nlmsg_put_extra_header(message, sizeof(ifaddrmsg)));
  body->ifa_family = AF_INET;
  body->ifa_prefixlen = static_cast<unsigned char>(prefix);
  body->ifa_index = interface_index;
  ::mnl_attr_put_u32(message, IFA_LOCAL, htonl(address));
  ::mnl_attr_put_u32(message, IFA_ADDRESS, htonl(address));
  ::mnl_attr_put_u32(message, IFA_BROADCAST, htonl(address | (~Ipv4{0} >> prefix)));
  if (::mnl_socket_sendto(socket.get(), message, message->nlmsg_len) < 0) fail_errno("rtnetlink");
  const auto n = ::mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
  if (n < 0) fail_errno("rtnetlink");
  if (::mnl_cb_run(buffer.data(), static_cast<std::size_t>(n), 1,
                   ::mnl_socket_get_portid(socket.get()), nullptr, nullptr) < 0)
    fail_errno("adding " + to_string(address));
}

}  // namespace starling::netboot
