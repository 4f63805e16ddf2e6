// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agents/common/byte_stream.h"
#include "agents/common/key_schedule.h"

namespace starling::migrate {

// Another node as one reaches it: a link-local address with the interface it lies behind, or any
// other IPv6 address.
struct NodeAddress {
  std::string address;
  std::string interface;
  std::uint16_t port = 0;  // of its daemon
};

// Makes TCP connections and seals them; without a key they are in the clear, for tests.
class Connector {
 public:
  explicit Connector(std::optional<StreamKey> key) : key_(std::move(key)) {}

  // Throws StreamClosed, std::system_error with a text that names the address; after 5 s at most.
  std::unique_ptr<ByteStream> connect(const NodeAddress& to, std::uint16_t port) const;
  // The other side of a connection that was accepted. Owns `fd`.
  std::unique_ptr<ByteStream> accepted(int fd) const;

 private:
  std::optional<StreamKey> key_;
};

}  // namespace starling::migrate
