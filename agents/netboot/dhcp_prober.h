// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>  // before asio: Boost 1.74's awaitable.hpp forgets it
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "agents/netboot/dhcp_message.h"

namespace starling::netboot {

// Asks one LAN whether a DHCP server is there: three DHCPDISCOVERs from a packet socket, so that it
// works without an address and does not disturb the machine's own DHCP client. No address is
// taken: an offer that is not requested lapses.
class DhcpProber : public std::enable_shared_from_this<DhcpProber> {
 public:
  // All offers heard within about 6 s.
  using Done = std::function<void(std::vector<Offer>)>;

  // Starts; `done` is called once, from the io_context, unless cancel() comes first. Throws
  // std::system_error when the interface cannot be opened (needs CAP_NET_RAW).
  static std::shared_ptr<DhcpProber> start(boost::asio::io_context& io, unsigned interface_index,
                                           const Mac& mac, Done done);
  void cancel();

 private:
  DhcpProber(boost::asio::io_context& io, unsigned interface_index, const Mac& mac, Done done);
  void send();
  void receive();
  void finish();

  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer timer_;
  Mac mac_;
  std::uint32_t transaction_;
  Done done_;
  int sent_ = 0;
  std::vector<Offer> offers_;
  std::array<std::uint8_t, 2048> frame_{};
};

}  // namespace starling::netboot
