// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <utility>

#include "agents/common/bytes.h"

namespace starling {

// The other side closed the stream, broke it off, or was silent beyond the stream's patience.
struct StreamClosed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// An ordered stream of bytes in both directions: a sealed TCP connection between two nodes, or a
// Unix socket pair in tests. Not for two threads at once.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Blocks until all of `data` is handed to the kernel. Throws StreamClosed.
  virtual void write(Bytes data) = 0;
  // The same for what lies in two places; the other side is not woken between them.
  virtual void write(Bytes first, Bytes second) {
    write(first);
    write(second);
  }
  // Blocks until at least one byte is there; how many were put into `space` (never 0). Throws
  // StreamClosed at the end of the stream.
  virtual std::size_t read(MutableBytes space) = 0;
  // The same, but 0 instead of waiting.
  virtual std::size_t try_read(MutableBytes space) = 0;
  // For poll(2): readable when read() would not block, except for what pending() tells.
  virtual int fd() const = 0;
  // Bytes already taken from the kernel: read() gives them without blocking, poll() does not see them.
  virtual bool pending() const = 0;
};

// A stream on a socket the caller connected, in the clear: for tests and between processes of one
// machine. Owns the descriptor.
std::unique_ptr<ByteStream> plain_stream(int fd);
// Two plain streams joined to each other. Throws std::system_error.
std::pair<std::unique_ptr<ByteStream>, std::unique_ptr<ByteStream>> stream_pair();

}  // namespace starling
