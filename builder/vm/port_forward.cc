// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/port_forward.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>

#include <array>
#include <boost/asio.hpp>
#include <cstdio>
#include <future>
#include <memory>

#include "agents/common/unique_fd.h"
#include "builder/core/error.h"
#include "builder/vm/qemu_command.h"

namespace starling::vm {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// One connection: bytes from each side go to the other until either ends.
class Relay : public std::enable_shared_from_this<Relay> {
 public:
  Relay(tcp::socket client, asio::io_context& io) : client_(std::move(client)), server_(io) {}

  void start(const tcp::endpoint& target) {
    server_.async_connect(target, [self = shared_from_this()](boost::system::error_code error) {
      if (error) return;  // the client sees its connection closed
      self->pump(self->client_, self->server_, self->up_);
      self->pump(self->server_, self->client_, self->down_);
    });
  }

 private:
  using Buffer = std::array<char, 16384>;

  void pump(tcp::socket& from, tcp::socket& to, Buffer& buffer) {
    from.async_read_some(
        asio::buffer(buffer), [self = shared_from_this(), &from, &to, &buffer](auto error, auto n) {
          if (error) return self->end_of(to, error == asio::error::eof);
          asio::async_write(to, asio::buffer(buffer, n),
                            [self, &from, &to, &buffer](auto write_error, auto) {
                              if (write_error) return self->end_of(to, false);
                              self->pump(from, to, buffer);
                            });
        });
  }

  // One direction is over: orderly (half close), or the whole connection.
  void end_of(tcp::socket& to, bool orderly) {
    boost::system::error_code ignored;
    if (orderly) {
      to.shutdown(tcp::socket::shutdown_send, ignored);
    } else {
      client_.close(ignored);
      server_.close(ignored);
    }
  }

  tcp::socket client_, server_;
  Buffer up_{}, down_{};
};

void accept_next(tcp::acceptor& acceptor, asio::io_context& io, const tcp::endpoint& target) {
  acceptor.async_accept([&acceptor, &io, target](auto error, tcp::socket client) {
    if (error == asio::error::operation_aborted) return;
    if (!error) std::make_shared<Relay>(std::move(client), io)->start(target);
    accept_next(acceptor, io, target);
  });
}

}  // namespace

std::string link_local_address(int machine) {
  std::array<unsigned, 6> m{};
  const auto mac = mac_address(machine);
  std::sscanf(mac.c_str(), "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]);
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "fe80::%02x%02x:%02xff:fe%02x:%02x%02x", m[0] ^ 2, m[1],
                m[2], m[3], m[4], m[5]);
  return text.data();
}

PortForward::PortForward(int host_port, const VirtualSwitch& network, int machine,
                         int machine_port) {
  const UniqueFd ns(::open(network.network().c_str(), O_RDONLY | O_CLOEXEC));
  std::promise<void> started;
  // The listening socket is made in the host's network; then the thread, and only it, moves into
  // the switch's, where its connections are made.
  thread_ = std::thread([&, ns_fd = ns.get()] {
    try {
      tcp::acceptor acceptor(
          io_, tcp::endpoint(asio::ip::address_v4::loopback(),
                             static_cast<unsigned short>(host_port)));
      if (::setns(ns_fd, CLONE_NEWNET) != 0) throw builder::Error("cannot enter the network");
      auto address = asio::ip::make_address_v6(link_local_address(machine));
      address.scope_id(::if_nametoindex(VirtualSwitch::kHostPort));
      const tcp::endpoint target(address, static_cast<unsigned short>(machine_port));
      accept_next(acceptor, io_, target);
      started.set_value();
      io_.run();
    } catch (...) {
      started.set_exception(std::current_exception());
    }
  });
  try {
    started.get_future().get();
  } catch (const std::exception& e) {
    thread_.join();
    throw builder::Error("cannot listen on 127.0.0.1:" + std::to_string(host_port) + ": " +
                         e.what());
  }
}

PortForward::~PortForward() {
  io_.stop();
  thread_.join();
}

}  // namespace starling::vm
