// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <optional>

#include "agents/common/unique_fd.h"

namespace starling::migrate {

// The receiving end of a seccomp filter's user notifications, seccomp_unotify(2).
// Whoever made a call waits in it until it is answered; a signal ends the wait only as long as the
// notification was not received (WAIT_KILLABLE_RECV).
class SeccompListener {
 public:
  explicit SeccompListener(UniqueFd fd);

  // poll(2) says POLLIN when receive() would not wait, POLLHUP when nobody has the filter any more.
  int fd() const { return fd_.get(); }
  // The next notification; none when its maker was interrupted or died meanwhile. Call only when
  // poll(2) said POLLIN. Throws std::system_error.
  std::optional<seccomp_notif> receive();
  // All return false when the maker is gone.
  // The call is not made and returns `result`, as the kernel has it: -errno; -512, -513, -514 are
  // taken for interrupted calls by its signal delivery.
  bool answer(std::uint64_t id, std::int64_t result);
  // The call is made as if there were no filter.
  bool let_run(std::uint64_t id);
  bool alive(std::uint64_t id) const;

 private:
  bool send(const seccomp_notif_resp& response);

  UniqueFd fd_;
};

}  // namespace starling::migrate
