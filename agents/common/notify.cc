// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "agents/common/unique_fd.h"

namespace starling {

void notify_manager(const std::string& state) {
  const char* name = std::getenv("NOTIFY_SOCKET");
  if (!name || (name[0] != '/' && name[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(name);
  if (length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, name, length);
  if (name[0] == '@') address.sun_path[0] = '\0';
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  // A lost notification is repeated by the next; there is nobody else to tell.
  [[maybe_unused]] const ssize_t n = ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
                                              reinterpret_cast<const sockaddr*>(&address), size);
}

std::optional<TimeNs> watchdog_period() {
  const char* text = std::getenv("WATCHDOG_USEC");
  if (!text) return std::nullopt;
  const long long usec = std::atoll(text);
  if (usec <= 0) return std::nullopt;
  return usec * 1000;
}

}  // namespace starling
