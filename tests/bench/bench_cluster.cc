// SPDX-License-Identifier: GPL-2.0-or-later
// What sealing costs: a datagram sealed and opened, against SHA-256 over the same bytes; a key
// derivation; and an echo over UDP, sealed at both ends, against the same echo unsealed.
//
//   bench_cluster [--json]
//
// Exit status 1 when a figure is out of its reach.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "agents/common/clock.h"
#include "agents/common/fail.h"
#include "agents/common/flock_key.h"
#include "agents/common/sealed_channel.h"
#include "agents/common/unique_fd.h"
#include "tests/bench/figures.h"

using namespace starling;
using bench::at_most;
using bench::Figure;

namespace {

// Median time of one call in microseconds, over batches of about a millisecond.
double median_us(const std::function<void()>& f) {
  int batch = 1;
  while (true) {
    const TimeNs begin = monotonic_ns();
    for (int i = 0; i < batch; ++i) f();
    if (monotonic_ns() - begin > kMillisecond) break;
    batch *= 2;
  }
  std::vector<double> samples;
  for (int s = 0; s < 101; ++s) {
    const TimeNs begin = monotonic_ns();
    for (int i = 0; i < batch; ++i) f();
    samples.push_back(static_cast<double>(monotonic_ns() - begin) / batch / 1000);
  }
  std::nth_element(samples.begin(), samples.begin() + 50, samples.end());
  return samples[50];
}

// Keeps the results of work that nobody looks at.
volatile std::uint8_t keep;

double sha256_us(Bytes bytes) {
  return median_us([&] {
    std::uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) != 1) {
      throw std::runtime_error("SHA-256");
    }
    keep = digest[0];
  });
}

Path loopback_path() {
  Path path;
  path.source[15] = path.destination[15] = 1;
  return path;
}

class Datagram {
 public:
  Datagram()
      : keys_(FlockKey({1}), "bench"),
        sealer_(keys_, SessionId{1}),
        key_(keys_.session_key(SessionId{1})) {}

  std::size_t seal(Bytes payload, MutableBytes out) {
    return sealer_.seal(aead_, SealedHeader::Kind::kData, loopback_path(), payload, out);
  }
  std::size_t open(Bytes datagram, MutableBytes out) {
    SealedHeader header;
    if (read_header(datagram, keys_.tag(), header) != HeaderFault::kNone) {
      throw std::runtime_error("header");
    }
    const std::size_t n = datagram.size() - kSealOverhead;
    const AssociatedData aad =
        associated_data(datagram.first(SealedHeader::kSize), loopback_path());
    if (!aead_.open(key_, header.counter, aad, datagram.subspan(SealedHeader::kSize),
                    out.first(n))) {
      throw std::runtime_error("a good datagram did not open");
    }
    return n;
  }
  double derivation_us() {
    return median_us([&] { keep = keys_.session_key(SessionId{2})[0]; });
  }

 private:
  Aead aead_;
  KeySchedule keys_;
  DatagramSealer sealer_;
  SessionKey key_;
};

UniqueFd loopback_socket(sockaddr_in6& self) {
  UniqueFd fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  self = {};
  self.sin6_family = AF_INET6;
  self.sin6_addr = in6addr_loopback;
  socklen_t size = sizeof self;
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&self), sizeof self) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&self), &size) != 0) {
    fail_errno("loopback");
  }
  // Lost wake-ups must not hang a benchmark.
  const timeval patience{2, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

// Round trips of `payload` bytes to another thread; each end opens and seals when `sealed`.
double echo_us(bool sealed, std::size_t payload) {
  sockaddr_in6 here;
  sockaddr_in6 there;
  const UniqueFd mine = loopback_socket(here);
  const UniqueFd other = loopback_socket(there);
  const std::size_t wire = payload + (sealed ? kSealOverhead : 0);
  std::thread echo([&] {
    Datagram crypto;
    std::vector<std::uint8_t> in(kMaxDatagram);
    std::vector<std::uint8_t> plain(kMaxDatagram);
    while (true) {
      const ssize_t n = ::recv(other.get(), in.data(), in.size(), 0);
      if (n <= 1) return;  // told to end, or nobody is left
      std::size_t size = static_cast<std::size_t>(n);
      if (sealed) {
        const std::size_t m = crypto.open(Bytes(in.data(), size), plain);
        size = crypto.seal(Bytes(plain.data(), m), in);
      }
      ::sendto(other.get(), in.data(), size, 0, reinterpret_cast<sockaddr*>(&here), sizeof here);
    }
  });
  Datagram crypto;
  const std::vector<std::uint8_t> content(payload, 7);
  std::vector<std::uint8_t> out(kMaxDatagram, 7);
  std::vector<std::uint8_t> plain(kMaxDatagram);
  const double us = median_us([&] {
    if (sealed) crypto.seal(content, out);
    ::sendto(mine.get(), out.data(), wire, 0, reinterpret_cast<sockaddr*>(&there), sizeof there);
    const ssize_t n = ::recv(mine.get(), out.data(), out.size(), 0);
    if (n != static_cast<ssize_t>(wire)) throw std::runtime_error("the echo was lost");
    if (sealed) crypto.open(Bytes(out.data(), wire), plain);
  });
  ::sendto(mine.get(), out.data(), 1, 0, reinterpret_cast<sockaddr*>(&there), sizeof there);
  echo.join();
  return us;
}

std::vector<Figure> measure() {
  std::vector<Figure> figures;
  Datagram d;
  std::vector<std::uint8_t> datagram(kMaxDatagram);
  std::vector<std::uint8_t> plain(kMaxDatagram);
  for (const std::size_t size : {std::size_t{100}, kMaxPayload}) {
    const std::vector<std::uint8_t> payload(size, 7);
    const double yardstick = sha256_us(payload);
    const std::string suffix = "_" + std::to_string(size);
    figures.push_back(at_most("seal" + suffix, median_us([&] { d.seal(payload, datagram); }), "us",
                              yardstick, 8));
    const std::size_t n = d.seal(payload, datagram);
    figures.push_back(at_most("open" + suffix,
                              median_us([&] { d.open(Bytes(datagram.data(), n), plain); }), "us",
                              yardstick, 8));
  }
  // What each datagram of an unknown session costs before it can be refused.
  const std::vector<std::uint8_t> small(100, 7);
  figures.push_back(at_most("derive_session_key", d.derivation_us(), "us", sha256_us(small), 20));
  for (const std::size_t size : {std::size_t{100}, kMaxPayload}) {
    const double raw = echo_us(false, size);
    figures.push_back(
        at_most("echo_sealed_" + std::to_string(size), echo_us(true, size), "us", raw, 3));
  }
  return figures;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return bench::report(measure(), bench::asks_for_json(argc, argv));
  } catch (const std::exception& e) {
    std::cerr << "bench_cluster: " << e.what() << "\n";
    return 1;
  }
}
