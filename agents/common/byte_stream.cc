// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/byte_stream.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "agents/common/fail.h"
#include "agents/common/unique_fd.h"

namespace starling {
namespace {

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(int fd) : fd_(fd) {}

  void write(Bytes data) override { send_all(data, 0); }
  void write(Bytes first, Bytes second) override {
    send_all(first, MSG_MORE);
    send_all(second, 0);
  }

  void send_all(Bytes data, int flags) {
    while (!data.empty()) {
      const ssize_t n = ::send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL | flags);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) throw StreamClosed(std::string("sending failed: ") + std::strerror(errno));
      data = data.subspan(static_cast<std::size_t>(n));
    }
  }

  std::size_t read(MutableBytes space) override { return receive(space, 0); }
  std::size_t try_read(MutableBytes space) override { return receive(space, MSG_DONTWAIT); }

  int fd() const override { return fd_.get(); }
  bool pending() const override { return false; }

 private:
  std::size_t receive(MutableBytes space, int flags) {
    while (true) {
      const ssize_t n = ::recv(fd_.get(), space.data(), space.size(), flags);
      if (n > 0) return static_cast<std::size_t>(n);
      if (n == 0) throw StreamClosed("the other side closed the stream");
      if (errno == EAGAIN && (flags & MSG_DONTWAIT)) return 0;
      if (errno != EINTR) throw StreamClosed(std::string("receiving failed: ") + std::strerror(errno));
    }
  }

  UniqueFd fd_;
};

}  // namespace

std::unique_ptr<ByteStream> plain_stream(int fd) { return std::make_unique<PlainStream>(fd); }

std::pair<std::unique_ptr<ByteStream>, std::unique_ptr<ByteStream>> stream_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail_errno("socketpair");
  return {plain_stream(ends[0]), plain_stream(ends[1])};
}

}  // namespace starling
