// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "agents/common/event_loop.h"
#include "agents/common/udp_transport.h"

namespace starling::daemon {

// Where the processes of other nodes knock: a TCP socket on the link-local address of each link the
// flock uses, none on any other.
class MoveListener {
 public:
  // A connection between `peer` and `port.address`. The handler owns it.
  using Handler = std::function<void(UniqueFd connection, const Address6& peer, const Port& port)>;

  MoveListener(EventLoop& loop, std::uint16_t port, Handler handler);
  ~MoveListener();
  MoveListener(const MoveListener&) = delete;
  MoveListener& operator=(const MoveListener&) = delete;

  // Listens on these and no others. A link where that fails is told in the log and tried again at
  // the next call.
  void set_ports(const std::vector<Port>& ports);
  // While paused, connections wait in the kernel's queue. Pauses by itself when there are no
  // descriptors left: call pause(false) now and then.
  void pause(bool on);

 private:
  struct Socket {
    Port port;
    UniqueFd fd;
  };

  void listen_on(const Port& port);
  void on_connection(const Socket& socket);

  EventLoop& loop_;
  const std::uint16_t number_;
  Handler handler_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  bool paused_ = false;
};

}  // namespace starling::daemon
