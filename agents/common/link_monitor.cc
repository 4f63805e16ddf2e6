// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/link_monitor.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "agents/common/fail.h"

namespace starling {

LinkMonitor::LinkMonitor()
    : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)) {
  if (!fd_) fail_errno("netlink");
  sockaddr_nl self{};
  self.nl_family = AF_NETLINK;
  self.nl_groups = RTMGRP_LINK | RTMGRP_IPV6_IFADDR;
  if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&self), sizeof self) != 0) {
    fail_errno("netlink");
  }
  dump();
}

LinkMonitor::~LinkMonitor() = default;

void LinkMonitor::request(std::uint16_t type) {
  char buffer[256];
  nlmsghdr* message = mnl_nlmsg_put_header(buffer);
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message->nlmsg_seq = type;
  if (type == RTM_GETLINK) {
    auto* info = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
    info->ifi_family = AF_UNSPEC;
  } else {
    auto* info = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifaddrmsg)));
    info->ifa_family = AF_INET6;
  }
  if (::send(fd_.get(), message, message->nlmsg_len, 0) < 0) fail_errno("netlink");
  drain(true);
}

void LinkMonitor::dump() {
  // A dump that is cut short by lost notifications is begun again; a machine whose links change
  // faster than we read them three times in a row gets its next chance with the next change.
  for (int attempt = 0; attempt < 3; ++attempt) {
    overrun_ = false;
    links_.clear();
    addresses_.clear();
    request(RTM_GETLINK);
    request(RTM_GETADDR);
    if (!overrun_) break;
  }
  settle_addresses();
}

bool LinkMonitor::read() {
  changed_ = false;
  overrun_ = false;
  drain(false);
  if (overrun_) {
    dump();
    changed_ = true;
  }
  settle_addresses();
  return changed_;
}

void LinkMonitor::drain(bool until_done) {
  alignas(nlmsghdr) static thread_local char buffer[32768];
  done_ = false;
  while (true) {
    const ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == ENOBUFS) {
      overrun_ = true;
      if (!until_done) return;
      continue;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (!until_done) return;
      pollfd p{fd_.get(), POLLIN, 0};
      // The kernel answers a dump at once; five seconds without a word means it never will.
      if (::poll(&p, 1, 5000) <= 0) {
        errno = ETIMEDOUT;
        fail_errno("netlink");
      }
      continue;
    }
    if (n < 0) fail_errno("netlink");
    // Sequence and port are not checked: notifications and dump answers mix on this socket.
    mnl_cb_run(buffer, static_cast<std::size_t>(n), 0, 0, &LinkMonitor::on_message, this);
    // mnl_cb_run swallows the end of a dump, so look for it here.
    int left = static_cast<int>(n);
    for (auto* m = reinterpret_cast<const nlmsghdr*>(buffer); mnl_nlmsg_ok(m, left);
         m = mnl_nlmsg_next(m, &left)) {
      if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR) done_ = true;
      if (m->nlmsg_flags & NLM_F_DUMP_INTR) overrun_ = true;
    }
    if (until_done && done_) return;
  }
}

int LinkMonitor::on_message(const nlmsghdr* message, void* self) {
  auto* monitor = static_cast<LinkMonitor*>(self);
  switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      monitor->on_link(message);
      break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
      monitor->on_address(message);
      break;
    default:
      break;
  }
  return MNL_CB_OK;
}

static void copy_mac(const nlattr* attribute, std::array<std::uint8_t, 6>& mac) {
  if (mnl_attr_get_payload_len(attribute) == mac.size()) {
    std::memcpy(mac.data(), mnl_attr_get_payload(attribute), mac.size());
  }
}

// libmnl's own loop macros do not compile as C++.
template <typename Function>
static void for_each_attribute(const void* begin, const void* end, Function f) {
  const auto* at = static_cast<const nlattr*>(begin);
  const auto left = [&] {
    return static_cast<int>(static_cast<const char*>(end) - reinterpret_cast<const char*>(at));
  };
  for (; mnl_attr_ok(at, left()); at = mnl_attr_next(at)) f(at);
}

void LinkMonitor::on_link(const nlmsghdr* message) {
  const auto* info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
  // AF_BRIDGE messages tell of ports joining and leaving a bridge; the plain ones say it too.
  if (info->ifi_family != AF_UNSPEC) return;
  const auto index = static_cast<std::uint32_t>(info->ifi_index);
  if (message->nlmsg_type == RTM_DELLINK) {
    addresses_.erase(index);
    changed_ |= links_.erase(index) != 0;
    return;
  }
  Link link;
  link.index = index;
  link.ethernet = info->ifi_type == ARPHRD_ETHER && !(info->ifi_flags & IFF_LOOPBACK);
  link.up = info->ifi_flags & IFF_UP;
  link.carrier = info->ifi_flags & IFF_RUNNING;
  link.multicast = info->ifi_flags & IFF_MULTICAST;
  for_each_attribute(
      mnl_nlmsg_get_payload_offset(message, sizeof(ifinfomsg)), mnl_nlmsg_get_payload_tail(message),
      [&](const nlattr* attribute) {
        switch (mnl_attr_get_type(attribute)) {
          case IFLA_IFNAME:
            if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0) {
              link.name = mnl_attr_get_str(attribute);
            }
            break;
          case IFLA_ADDRESS:
            copy_mac(attribute, link.mac);
            break;
          case IFLA_PERM_ADDRESS:
            copy_mac(attribute, link.permanent_mac);
            break;
          case IFLA_MASTER:
            if (mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
              link.master = mnl_attr_get_u32(attribute);
            break;
          case IFLA_MTU:
            if (mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
              link.mtu = mnl_attr_get_u32(attribute);
            break;
          case IFLA_LINKINFO: {
            const char* begin = static_cast<const char*>(mnl_attr_get_payload(attribute));
            for_each_attribute(begin, begin + mnl_attr_get_payload_len(attribute),
                               [&](const nlattr* inner) {
                                 if (mnl_attr_get_type(inner) == IFLA_INFO_KIND &&
                                     mnl_attr_validate(inner, MNL_TYPE_STRING) >= 0) {
                                   const auto length = mnl_attr_get_payload_len(inner);
                                   link.kind.assign(mnl_attr_get_str(inner),
                                                    strnlen(mnl_attr_get_str(inner), length));
                                 }
                               });
            break;
          }
          default:
            break;
        }
      });
  if (link.ethernet && link.kind.empty()) {
    const std::filesystem::path sys = "/sys/class/net/" + link.name;
    std::error_code ignored;
    link.wireless = std::filesystem::exists(sys / "wireless", ignored) ||
                    std::filesystem::exists(sys / "phy80211", ignored);
  }
  links_[index] = link;
  changed_ = true;
}

void LinkMonitor::on_address(const nlmsghdr* message) {
  const auto* info = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
  if (info->ifa_family != AF_INET6 || info->ifa_scope != RT_SCOPE_LINK) return;
  Address6 address{};
  bool found = false;
  std::uint32_t flags = info->ifa_flags;
  for_each_attribute(
      mnl_nlmsg_get_payload_offset(message, sizeof(ifaddrmsg)), mnl_nlmsg_get_payload_tail(message),
      [&](const nlattr* attribute) {
        const auto type = mnl_attr_get_type(attribute);
        if (type == IFA_ADDRESS && mnl_attr_get_payload_len(attribute) == address.size()) {
          std::memcpy(address.data(), mnl_attr_get_payload(attribute), address.size());
          found = true;
        } else if (type == IFA_FLAGS && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0) {
          flags = mnl_attr_get_u32(attribute);
        }
      });
  if (!found || !is_link_local(address)) return;
  auto& held = addresses_[info->ifa_index];
  std::erase_if(held, [&](const HeldAddress& h) { return h.address == address; });
  // A duplicate stays unusable until a person or a new MAC mends it.
  if (message->nlmsg_type == RTM_NEWADDR && !(flags & IFA_F_DADFAILED)) {
    const bool tentative = (flags & IFA_F_TENTATIVE) && !(flags & IFA_F_OPTIMISTIC);
    held.push_back({address, tentative});
  }
  changed_ = true;
}

// Each link's address is its numerically smallest usable one, so that the choice stays the same
// when another is added.
void LinkMonitor::settle_addresses() {
  for (auto& [index, link] : links_) {
    Address6 chosen{};
    bool tentative = false;
    for (const HeldAddress& held : addresses_[index]) {
      if (held.tentative) {
        tentative = true;
      } else if (chosen == Address6{} || held.address < chosen) {
        chosen = held.address;
      }
    }
    link.link_local = chosen;
    link.tentative = tentative && chosen == Address6{};
  }
}

}  // namespace starling
