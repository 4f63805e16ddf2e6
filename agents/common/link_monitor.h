// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>

#include "agents/common/link.h"
#include "agents/common/unique_fd.h"

struct nlmsghdr;

namespace starling {

// Follows the machine's links and their link-local addresses over rtnetlink. Needs no privileges.
class LinkMonitor {
 public:
  // Subscribes and reads the present state. Throws std::system_error.
  LinkMonitor();
  ~LinkMonitor();
  LinkMonitor(const LinkMonitor&) = delete;
  LinkMonitor& operator=(const LinkMonitor&) = delete;

  int fd() const { return fd_.get(); }
  // Reads what the kernel has to tell; true when something changed. When notifications were lost
  // the whole state is read again.
  bool read();

  const std::map<std::uint32_t, Link>& links() const { return links_; }

 private:
  struct HeldAddress {
    Address6 address{};
    bool tentative = false;
  };

  void dump();
  void request(std::uint16_t type);
  // Reads until the dump is over (`until_done`) or nothing waits.
  void drain(bool until_done);
  static int on_message(const nlmsghdr* message, void* self);
  void on_link(const nlmsghdr* message);
  void on_address(const nlmsghdr* message);
  void settle_addresses();

  UniqueFd fd_;
  std::map<std::uint32_t, Link> links_;
  std::map<std::uint32_t, std::vector<HeldAddress>> addresses_;
  bool changed_ = false;
  bool done_ = false;
  bool overrun_ = false;
};

}  // namespace starling
