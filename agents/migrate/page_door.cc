// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/page_door.h"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>

#include "agents/common/fail.h"
#include "agents/common/log.h"
#include "agents/migrate/wire.h"

namespace starling::migrate {

PageDoor::PageDoor(const Address6& address, const std::string& interface)
    : socket_(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  if (!socket_) fail_errno("socket");
  sockaddr_in6 at{};
  at.sin6_family = AF_INET6;
  std::memcpy(&at.sin6_addr, address.data(), address.size());
  if (!interface.empty()) {
    at.sin6_scope_id = ::if_nametoindex(interface.c_str());
    if (at.sin6_scope_id == 0) fail_errno("interface " + interface);
  }
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(socket_.get(), 4) != 0) {
    fail_errno("listening on " + to_string(address));
  }
  socklen_t size = sizeof at;
  if (::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0)
    fail_errno("getsockname");
  port_ = ntohs(at.sin6_port);
  if (::RAND_bytes(token_.data(), static_cast<int>(token_.size())) != 1)
    throw std::runtime_error("no random numbers for a token");
}

PageDoor::Connections PageDoor::accept(const Connector& connector, int control,
                                       std::chrono::seconds patience) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + patience;
  Connections connections;
  while (!connections.demand || !connections.bulk) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) throw StreamClosed("home did not open its page connections in time");
    pollfd fds[] = {{socket_.get(), POLLIN, 0}, {control, POLLRDHUP, 0}};
    if (::poll(fds, 2, static_cast<int>(left)) < 0 && errno != EINTR) fail_errno("poll");
    if (fds[1].revents != 0) throw StreamClosed("home gave up");
    if ((fds[0].revents & POLLIN) == 0) continue;
    const int fd = ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    try {
      let_in(fd, connector, connections);
    } catch (const StreamClosed& e) {
      log_debug(std::string("a page connection was not let in: ") + e.what());
    } catch (const ProtocolError& e) {
      log_debug(std::string("a page connection was not let in: ") + e.what());
    }
  }
  socket_.reset();
  return connections;
}

void PageDoor::let_in(int fd, const Connector& connector, Connections& connections) {
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  // Bounds the reading of the first message in the clear; a sealed stream has its own patience.
  const timeval patience{5, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  auto channel = std::make_unique<FrameChannel>(connector.accepted(fd));
  const Frame hello = channel->receive();
  if (hello.type != kPageHello || hello.body.size() != 1 + token_.size() ||
      ::CRYPTO_memcmp(&hello.body[1], token_.data(), token_.size()) != 0) {
    throw ProtocolError("it does not say the token");
  }
  const timeval none{0, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
  auto& place = hello.body[0] == 'b' ? connections.bulk : connections.demand;
  if (place || (hello.body[0] != 'b' && hello.body[0] != 'd'))
    throw ProtocolError("it is not the one expected");
  place = std::move(channel);
}

}  // namespace starling::migrate
