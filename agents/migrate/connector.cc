// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/connector.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <utility>

#include "agents/common/fail.h"
#include "agents/common/secure_stream.h"
#include "agents/common/unique_fd.h"

namespace starling::migrate {
namespace {

constexpr int kConnectPatience = 5000;  // ms

UniqueFd connect_tcp(const NodeAddress& to, std::uint16_t port) {
  const std::string name = "[" + to.address + "%" + to.interface + "]:" + std::to_string(port);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  if (::inet_pton(AF_INET6, to.address.c_str(), &address.sin6_addr) != 1)
    throw std::runtime_error("\"" + to.address + "\" is not an IPv6 address");
  if (!to.interface.empty()) {
    address.sin6_scope_id = ::if_nametoindex(to.interface.c_str());
    if (address.sin6_scope_id == 0) fail_errno("interface " + to.interface);
  }
  UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) fail_errno("socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno != EINPROGRESS) fail_errno("connecting to " + name);
    pollfd p{fd.get(), POLLOUT, 0};
    if (::poll(&p, 1, kConnectPatience) <= 0) {
      errno = ETIMEDOUT;
      fail_errno("connecting to " + name);
    }
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      errno = error;
      fail_errno("connecting to " + name);
    }
  }
  // Only the connecting was to be bounded; the streams block.
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) fail_errno("fcntl");
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace

std::unique_ptr<ByteStream> Connector::connect(const NodeAddress& to, std::uint16_t port) const {
  UniqueFd fd = connect_tcp(to, port);
  return key_ ? secure_client(fd.release(), *key_) : plain_stream(fd.release());
}

std::unique_ptr<ByteStream> Connector::accepted(int fd) const {
  return key_ ? secure_server(fd, *key_) : plain_stream(fd);
}

}  // namespace starling::migrate
