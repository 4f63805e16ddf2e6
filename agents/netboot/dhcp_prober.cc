// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/dhcp_prober.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sys/socket.h>

#include <random>

#include "agents/common/fail.h"
#include "agents/common/unique_fd.h"

namespace starling::netboot {
namespace {

using boost::system::error_code;
// Servers that first ping the address they offer (dnsmasq) take 3 s to answer.
constexpr int kRequests = 3;
constexpr auto kInterval = std::chrono::milliseconds(2000);

int open_socket(unsigned interface_index) {
  UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_IP)));
  if (!fd) fail_errno("packet socket");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_IP);
  address.sll_ifindex = static_cast<int>(interface_index);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    fail_errno("packet socket");
  return fd.release();
}

}  // namespace

std::shared_ptr<DhcpProber> DhcpProber::start(boost::asio::io_context& io, unsigned index,
                                              const Mac& mac, Done done) {
  std::shared_ptr<DhcpProber> prober(new DhcpProber(io, index, mac, std::move(done)));
  prober->receive();
  prober->send();
  return prober;
}

DhcpProber::DhcpProber(boost::asio::io_context& io, unsigned index, const Mac& mac, Done done)
    : socket_(io, open_socket(index)),
      timer_(io),
      mac_(mac),
      transaction_(std::random_device{}()),
      done_(std::move(done)) {}

void DhcpProber::cancel() {
  done_ = nullptr;
  finish();
}

void DhcpProber::send() {
  const auto frame = make_discover(mac_, transaction_);
  error_code ignored;  // a link that just went down: then there is no answer either
  socket_.write_some(boost::asio::buffer(frame), ignored);
  ++sent_;
  timer_.expires_after(kInterval);
  timer_.async_wait([self = shared_from_this()](error_code error) {
    if (error) return;
    if (self->sent_ < kRequests)
      self->send();
    else
      self->finish();
  });
}

void DhcpProber::receive() {
  socket_.async_read_some(
      boost::asio::buffer(frame_), [self = shared_from_this()](error_code error, std::size_t n) {
        if (error) return;
        if (const auto offer = parse_offer(std::span<const std::uint8_t>(self->frame_).first(n), self->mac_,
                                           self->transaction_))
          self->offers_.push_back(*offer);
        self->receive();
      });
}

void DhcpProber::finish() {
  error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
  if (const auto done = std::exchange(done_, nullptr)) done(std::move(offers_));
}

}  // namespace starling::netboot
