// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/move_listener.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agents/common/log.h"

namespace starling::daemon {

static sockaddr_in6 socket_address(const Port& port, std::uint16_t number) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(number);
  address.sin6_scope_id = port.interface;
  std::memcpy(&address.sin6_addr, port.address.data(), port.address.size());
  return address;
}

MoveListener::MoveListener(EventLoop& loop, std::uint16_t port, Handler handler)
    : loop_(loop), number_(port), handler_(std::move(handler)) {}

MoveListener::~MoveListener() {
  set_ports({});
}

void MoveListener::set_ports(const std::vector<Port>& ports) {
  std::erase_if(sockets_, [&](const std::unique_ptr<Socket>& socket) {
    if (std::find(ports.begin(), ports.end(), socket->port) != ports.end()) return false;
    loop_.remove(socket->fd.get());
    return true;
  });
  for (const Port& port : ports) {
    if (std::none_of(sockets_.begin(), sockets_.end(),
                     [&](const auto& socket) { return socket->port == port; })) {
      listen_on(port);
    }
  }
}

void MoveListener::listen_on(const Port& port) {
  auto socket = std::make_unique<Socket>();
  socket->port = port;
  socket->fd.reset(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_in6 address = socket_address(port, number_);
  const int on = 1;
  if (!socket->fd ||
      ::setsockopt(socket->fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::setsockopt(socket->fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0 ||
      ::bind(socket->fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket->fd.get(), 128) != 0) {
    log_warning("no guests over link " + std::to_string(port.interface) + ": TCP port " +
                std::to_string(number_) + ": " + std::strerror(errno));
    return;
  }
  const Socket* known = socket.get();
  loop_.add(known->fd.get(), paused_ ? 0u : EPOLLIN,
            [this, known](std::uint32_t) { on_connection(*known); });
  sockets_.push_back(std::move(socket));
}

void MoveListener::pause(bool on) {
  if (paused_ == on) return;
  paused_ = on;
  for (const auto& socket : sockets_) loop_.change(socket->fd.get(), on ? 0u : EPOLLIN);
}

void MoveListener::on_connection(const Socket& socket) {
  sockaddr_in6 from{};
  socklen_t size = sizeof from;
  UniqueFd fd(::accept4(socket.fd.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC));
  if (!fd) {
    // Without descriptors to spare the same connection would be told of again and again.
    if (errno == EMFILE || errno == ENFILE) {
      log_warning("no descriptors left for guests");
      pause(true);
    }
    return;
  }
  Address6 peer;
  std::memcpy(peer.data(), &from.sin6_addr, peer.size());
  // An address of the wire itself: nothing that a router brought.
  if (!is_link_local(peer)) return;
  handler_(std::move(fd), peer, socket.port);
}

}  // namespace starling::daemon
