// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/line_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "builder/core/error.h"
#include "builder/core/interrupt.h"
#include "builder/vm/pause.h"

namespace starling::vm {
namespace {

using builder::Error;
using namespace std::chrono_literals;
constexpr size_t kMaxLine = 64u << 20;

// Waits until the socket is ready or the deadline; polls in slices to notice interrupts.
bool ready(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    builder::throw_if_interrupted();
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd p{fd, events, 0};
    const int n = ::poll(&p, 1, static_cast<int>(std::clamp<long>(left.count(), 0, 100)));
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) throw Error("poll: " + std::string(strerror(errno)));
    if (Clock::now() >= deadline) return false;
  }
}

}  // namespace

LineSocket::LineSocket(const std::filesystem::path& path, Clock::time_point deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path)
    throw Error("the path is too long for a socket").at_file(path);
  std::memcpy(address.sun_path, path.c_str(), path.native().size());
  for (;;) {
    fd_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd_) throw Error("socket: " + std::string(strerror(errno)));
    if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return;
    if (Clock::now() >= deadline)
      throw Error("cannot connect: " + std::string(strerror(errno))).at_file(path);
    pause_for(20ms);
  }
}

void LineSocket::send(std::string_view bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    if (!ready(fd_.get(), POLLOUT, deadline)) throw Error("the peer does not read");
    const auto n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n < 0) throw Error("send: " + std::string(strerror(errno)));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

std::optional<std::string> LineSocket::receive(Clock::time_point deadline) {
  for (;;) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      auto line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      return line;
    }
    if (buffer_.size() > kMaxLine) throw Error("a reply line is too long");
    if (!ready(fd_.get(), POLLIN, deadline)) return std::nullopt;
    std::array<char, 65536> chunk{};
    const auto n = ::recv(fd_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n <= 0) throw Error("the machine closed its control socket");
    buffer_.append(chunk.data(), static_cast<size_t>(n));
  }
}

}  // namespace starling::vm
