// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agents/common/byte_stream.h"

namespace starling::migrate {

// The peer sent what the protocol does not allow. The connection is given up.
struct ProtocolError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One message: what it is, and its bytes. The types are in wire.h.
struct Frame {
  std::uint8_t type = 0;
  std::vector<std::uint8_t> body;
};

// Whole messages over a stream: 4 bytes length of the body (little endian), 1 byte type, body.
// Not for two threads at once.
class FrameChannel {
 public:
  static constexpr std::size_t kMaxBody = 64 * 1024 * 1024;

  explicit FrameChannel(std::unique_ptr<ByteStream> stream);

  // Throws StreamClosed.
  void send(std::uint8_t type, Bytes body);
  // The same for a body in two pieces that need not be copied together first.
  void send(std::uint8_t type, Bytes head, Bytes tail);
  // Blocks until a whole message is there. Throws StreamClosed, ProtocolError.
  Frame receive();
  // The next message piece by piece, where its body is to lie: what it is and how long, then as much
  // of the body with each take(). All of it is to be taken before anything else is received.
  struct Head {
    std::uint8_t type = 0;
    std::size_t size = 0;  // bytes of the body
  };
  Head receive_head();
  void take(MutableBytes to);
  // A whole message if one is there without blocking beyond what has begun to arrive.
  std::optional<Frame> try_receive();
  // Another message may be had without poll(2).
  bool buffered() const;
  int fd() const { return stream_->fd(); }

 private:
  std::optional<Frame> parse();
  MutableBytes space();

  std::unique_ptr<ByteStream> stream_;
  std::vector<std::uint8_t> in_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::vector<std::uint8_t> out_;
};

}  // namespace starling::migrate
