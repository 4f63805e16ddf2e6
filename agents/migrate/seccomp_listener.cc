// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/seccomp_listener.h"

#include <sys/ioctl.h>

#include "agents/common/fail.h"

// Linux 6.6; Debian 12's headers are older.
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

namespace starling::migrate {

SeccompListener::SeccompListener(UniqueFd fd) : fd_(std::move(fd)) {
  // The maker of a call and this process take turns: they need not wake each other on different
  // CPUs. Only a hint; older kernels do without.
  ::ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

std::optional<seccomp_notif> SeccompListener::receive() {
  seccomp_notif notification{};  // must be zero
  if (::ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification) == 0) return notification;
  if (errno == ENOENT || errno == EINTR) return std::nullopt;
  fail_errno("receiving a seccomp notification");
}

bool SeccompListener::send(const seccomp_notif_resp& response) {
  seccomp_notif_resp copy = response;
  while (::ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_SEND, &copy) != 0) {
    if (errno == EINTR) continue;
    if (errno == ENOENT) return false;
    fail_errno("answering a seccomp notification");
  }
  return true;
}

bool SeccompListener::answer(std::uint64_t id, std::int64_t result) {
  seccomp_notif_resp response{};
  response.id = id;
  if (result < 0 && result > -4096) {
    response.error = static_cast<std::int32_t>(result);
  } else {
    response.val = result;
  }
  return send(response);
}

bool SeccompListener::let_run(std::uint64_t id) {
  seccomp_notif_resp response{};
  response.id = id;
  response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  return send(response);
}

bool SeccompListener::alive(std::uint64_t id) const {
  return ::ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

}  // namespace starling::migrate
