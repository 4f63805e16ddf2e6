// SPDX-License-Identifier: GPL-2.0-or-later
// What sealing a stream costs: throughput and ping-pong of the sealed stream over TCP on loopback,
// beside the same over plain TCP in the same run, in turn; and a handshake.
//
//   bench_stream [--json]
//
// Exit status 1 when a figure is out of its reach.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <functional>
#include <iostream>
#include <thread>
#include <vector>

#include "agents/common/clock.h"
#include "agents/common/fail.h"
#include "agents/common/secure_stream.h"
#include "agents/common/unique_fd.h"
#include "tests/bench/figures.h"

using namespace starling;
using bench::Figure;
using bench::median;

namespace {

const StreamKey kKey{7};

struct Streams {
  std::unique_ptr<ByteStream> a;
  std::unique_ptr<ByteStream> b;
};

Streams join(bool sealed) {
  const UniqueFd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  socklen_t size = sizeof address;
  UniqueFd a(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener || !a ||
      ::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), 1) != 0 ||
      ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::connect(a.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    fail_errno("loopback");
  }
  UniqueFd b(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!b) fail_errno("accept");
  if (!sealed) {
    const int on = 1;
    for (const int fd : {a.get(), b.get()}) {
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return {plain_stream(a.release()), plain_stream(b.release())};
  }
  Streams streams;
  std::thread server([&] { streams.b = secure_server(b.release(), kKey); });
  streams.a = secure_client(a.release(), kKey);
  server.join();
  return streams;
}

void read_exactly(ByteStream& stream, MutableBytes space) {
  while (!space.empty()) space = space.subspan(stream.read(space));
}

// Bytes of one direction a second, in MB/s.
double throughput(Streams& streams) {
  constexpr std::size_t kTotal = 256 * 1024 * 1024;
  constexpr std::size_t kPiece = 256 * 1024;
  const std::vector<std::uint8_t> piece(kPiece, 7);
  std::vector<std::uint8_t> space(kPiece);
  const TimeNs begin = monotonic_ns();
  std::thread writer([&] {
    for (std::size_t sent = 0; sent < kTotal; sent += kPiece) streams.a->write(piece);
  });
  for (std::size_t got = 0; got < kTotal;) got += streams.b->read(space);
  writer.join();
  return kTotal / 1e6 / (static_cast<double>(monotonic_ns() - begin) / kSecond);
}

// One small message there and one back, in microseconds.
double ping_pong(Streams& streams, std::size_t size) {
  constexpr int kRounds = 2000;
  std::thread echo([&] {
    std::vector<std::uint8_t> space(size);
    for (int i = 0; i < kRounds; ++i) {
      read_exactly(*streams.b, space);
      streams.b->write(space);
    }
  });
  std::vector<std::uint8_t> message(size, 7);
  std::vector<double> samples;
  for (int i = 0; i < kRounds; ++i) {
    const TimeNs begin = monotonic_ns();
    streams.a->write(message);
    read_exactly(*streams.a, message);
    samples.push_back(static_cast<double>(monotonic_ns() - begin) / 1000);
  }
  echo.join();
  return median(std::move(samples));
}

// Plain and sealed take turns, so that what else the machine does meets both.
Figure compare(const std::string& name, const std::string& unit, double reach, bool least,
               const std::function<double(bool sealed)>& measure) {
  std::vector<double> plain, sealed;
  for (int i = 0; i < 5; ++i) {
    plain.push_back(measure(false));
    sealed.push_back(measure(true));
  }
  return (least ? bench::at_least : bench::at_most)(name, median(sealed), unit, median(plain),
                                                    reach);
}

std::vector<Figure> measure() {
  Streams plain = join(false);
  Streams sealed = join(true);
  const auto of = [&](bool s) -> Streams& { return s ? sealed : plain; };
  return {
      // Two threads that seal and open share two cores with the kernel's TCP: both copy all bytes
      // twice more than plain TCP does.
      compare("stream_throughput", "MB/s", 0.25, true, [&](bool s) { return throughput(of(s)); }),
      compare("stream_ping_pong_100", "us", 2, false,
              [&](bool s) { return ping_pong(of(s), 100); }),
      compare("stream_ping_pong_4096", "us", 2, false,
              [&](bool s) { return ping_pong(of(s), 4096); }),
      // Against a connection alone: key exchange and proofs are computed on both sides.
      compare("stream_handshake", "us", 40, false,
              [&](bool s) {
                std::vector<double> samples;
                for (int i = 0; i < 11; ++i) {
                  const TimeNs begin = monotonic_ns();
                  join(s);
                  samples.push_back(static_cast<double>(monotonic_ns() - begin) / 1000);
                }
                return median(std::move(samples));
              }),
  };
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return bench::report(measure(), bench::asks_for_json(argc, argv));
  } catch (const std::exception& e) {
    std::cerr << "bench_stream: " << e.what() << "\n";
    return 1;
  }
}
