// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "agents/common/bytes.h"
#include "agents/common/unique_fd.h"
#include "agents/migrate/connector.h"
#include "agents/migrate/frame_channel.h"

namespace starling::migrate {

// Where home's two page connections come in: a port of its own for each guest, open only until
// both are there. Who does not know the token is not let in.
class PageDoor {
 public:
  // `interface` may be empty for an address that is not link-local. Throws std::system_error.
  PageDoor(const Address6& address, const std::string& interface);

  std::uint16_t port() const { return port_; }
  const std::array<std::uint8_t, 16>& token() const { return token_; }

  struct Connections {
    std::unique_ptr<FrameChannel> demand;
    std::unique_ptr<FrameChannel> bulk;
  };
  // Waits for both. Throws StreamClosed when they are not there in time or `control` hangs up.
  Connections accept(const Connector& connector, int control, std::chrono::seconds patience);

 private:
  void let_in(int fd, const Connector& connector, Connections& connections);

  UniqueFd socket_;
  std::uint16_t port_ = 0;
  std::array<std::uint8_t, 16> token_{};
};

}  // namespace starling::migrate
