// SPDX-License-Identifier: GPL-2.0-or-later
// What a moved process's memory costs: over sealed streams between two network namespaces joined by
// a cable (over loopback where none can be made), beside what such a stream does when it only
// carries bytes.
//
//   bench_pages [--json]
//
// Exit status 1 when a figure is out of its reach. Needs root, for userfaultfd's events.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "agents/common/clock.h"
#include "agents/common/fail.h"
#include "agents/common/secure_stream.h"
#include "agents/common/unique_fd.h"
#include "agents/migrate/page_scan.h"
#include "agents/migrate/page_sink.h"
#include "agents/migrate/page_source.h"
#include "tests/bench/figures.h"
#include "tests/lab/net_ns.h"
#include "tests/unit/migrate/puppet.h"

using namespace starling;
using namespace starling::migrate;
using bench::at_least;
using bench::at_most;
using bench::Figure;
using bench::median;

namespace {

constexpr std::uint64_t kGibibyte = 1 << 30;
constexpr int kRounds = 5;

struct TcpPair {
  UniqueFd home;
  UniqueFd guest;
};

// Connections from one "machine" to the other.
class Cable {
 public:
  Cable() {
    try {
      home_.emplace("home");
      guest_.emplace("guest");
      lab::connect(*home_, "cable", *guest_, "cable");
      home_->ip({"address", "add", "192.0.2.1/24", "dev", "cable"});
      guest_->ip({"address", "add", "192.0.2.2/24", "dev", "cable"});
    } catch (const std::exception& e) {
      std::cerr << "bench_pages: over loopback: " << e.what() << "\n";
      home_.reset();
      guest_.reset();
    }
  }

  TcpPair connect() {
    TcpPair pair;
    UniqueFd listener;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, guest_ ? "192.0.2.2" : "127.0.0.1", &address.sin_addr);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    in(guest_, [&] {
      listener.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (!listener || ::bind(listener.get(), generic, sizeof address) != 0 ||
          ::listen(listener.get(), 1) != 0 || ::getsockname(listener.get(), generic, &size) != 0) {
        fail_errno("listening");
      }
    });
    in(home_, [&] {
      pair.home.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (!pair.home || ::connect(pair.home.get(), generic, sizeof address) != 0) {
        fail_errno("connecting");
      }
    });
    pair.guest.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!pair.guest) fail_errno("accept");
    const int on = 1;
    ::setsockopt(pair.home.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(pair.guest.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return pair;
  }

 private:
  static void in(const std::optional<lab::NetNs>& ns, const std::function<void()>& f) {
    if (ns) {
      ns->inside(f);
    } else {
      f();
    }
  }

  std::optional<lab::NetNs> home_;
  std::optional<lab::NetNs> guest_;
};

void receive_all(int fd, std::uint8_t* to, std::size_t size) {
  if (::recv(fd, to, size, MSG_WAITALL) != static_cast<ssize_t>(size)) fail_errno("receiving");
}

// A request as long as a page request, an answer of as many bytes: us.
double round_trip_us(Cable& cable) {
  const TcpPair pair = cable.connect();
  constexpr std::size_t kSize = 29;
  std::thread echo([&] {
    std::uint8_t buffer[kSize];
    while (::recv(pair.home.get(), buffer, kSize, MSG_WAITALL) == static_cast<ssize_t>(kSize)) {
      ::send(pair.home.get(), buffer, kSize, MSG_NOSIGNAL);
    }
  });
  std::uint8_t buffer[kSize] = {};
  std::vector<double> samples;
  for (int i = 0; i < 2000; ++i) {
    const TimeNs begin = monotonic_ns();
    ::send(pair.guest.get(), buffer, kSize, MSG_NOSIGNAL);
    receive_all(pair.guest.get(), buffer, kSize);
    samples.push_back(static_cast<double>(monotonic_ns() - begin) / 1000);
  }
  ::shutdown(pair.guest.get(), SHUT_RDWR);
  echo.join();
  return median(samples);
}

struct Streams {
  std::unique_ptr<ByteStream> home;
  std::unique_ptr<ByteStream> guest;
};

// What pages travel on.
Streams sealed_streams(Cable& cable) {
  static const StreamKey key{7};
  TcpPair pair = cable.connect();
  Streams streams;
  std::thread server([&] { streams.guest = secure_server(pair.guest.release(), key); });
  streams.home = secure_client(pair.home.release(), key);
  server.join();
  return streams;
}

// GB/s of a stream that carries a gibibyte and does nothing else.
double stream_rate(Streams streams) {
  const std::vector<std::uint8_t> to_send(256 * 1024, 1);
  std::vector<std::uint8_t> received(256 * 1024);
  const TimeNs begin = monotonic_ns();
  std::thread sender([&] {
    for (std::uint64_t sent = 0; sent < kGibibyte; sent += to_send.size())
      streams.home->write(to_send);
  });
  for (std::uint64_t got = 0; got < kGibibyte;) got += streams.guest->read(received);
  const double ns = static_cast<double>(monotonic_ns() - begin);
  sender.join();
  return static_cast<double>(kGibibyte) / ns;
}

// A body on the other end of the cable, started empty.
class Moved {
 public:
  Moved(Cable& cable, Puppet& deputy, RemoteRange range, bool background)
      : source_(deputy.pid(), {{range, false}}) {
    check(body_.run({Puppet::Op::map, range, PROT_READ | PROT_WRITE}) == 0);
    Userfaultfd uffd(body_.fetch(body_.run({Puppet::Op::uffd, {}})));
    uffd.handshake();
    Streams demand = sealed_streams(cable);
    Streams bulk = sealed_streams(cable);
    PageSink::Options options;
    options.background = background;
    PageSink::Callbacks callbacks;
    callbacks.on_failure = [](const std::string& reason) {
      std::cerr << "bench_pages: " << reason << std::endl;
      ::_exit(1);  // a blocked body would block us
    };
    sink_.emplace(std::move(uffd), body_.pid(), channel(demand.guest), channel(bulk.guest),
                  callbacks, options);
    sink_->add_region(range, false);
    source_.serve(channel(demand.home));
    source_.serve(channel(bulk.home));
  }

  Puppet& body() { return body_; }
  PageSink& sink() { return *sink_; }

 private:
  static std::unique_ptr<FrameChannel> channel(std::unique_ptr<ByteStream>& stream) {
    return std::make_unique<FrameChannel>(std::move(stream));
  }
  static void check(bool good) {
    if (!good) throw std::runtime_error("the body could not map its memory");
  }

  Puppet body_;
  PageSource source_;
  std::optional<PageSink> sink_;
};

std::vector<Figure> measure() {
  const ReservedSpace space(kGibibyte);
  const std::uint64_t pages = kGibibyte / kPage;
  const RemoteRange all = space.pages(0, pages);
  Puppet deputy;
  deputy.run({Puppet::Op::map, all, PROT_READ | PROT_WRITE});
  deputy.run({Puppet::Op::fill, all, 0});
  Cable cable;
  std::vector<Figure> figures;

  // The yardstick of each round is taken in that round: other work on the machine hits both.
  std::vector<double> fault, round_trip;
  for (int i = 0; i < kRounds; ++i) {
    round_trip.push_back(round_trip_us(cable));
    Moved moved(cable, deputy, all, false);
    moved.sink().start();
    fault.push_back(static_cast<double>(moved.body().run({Puppet::Op::touch, all, 500})) / 1000);
  }
  const double rtt = median(round_trip);
  figures.push_back(at_most("random_fault", median(fault), "us", rtt, (rtt + 30) / rtt));

  // 256 MiB from the first page on, as they are touched and with the background running.
  std::vector<double> by_touch, sequential;
  for (int i = 0; i < kRounds; ++i) {
    for (const bool background : {false, true}) {
      Moved moved(cable, deputy, all, background);
      moved.sink().start();
      const double ns = static_cast<double>(
          moved.body().run({Puppet::Op::sweep, space.pages(0, (256 << 20) / kPage)}));
      (background ? sequential : by_touch).push_back(ns / 1e6);
    }
  }

  std::vector<double> raw, pulled;
  std::vector<double> scans, scans_by_file;
  const RemoteRange scanned = space.pages(0, (256 << 20) / kPage);
  for (int i = 0; i < kRounds; ++i) {
    raw.push_back(stream_rate(sealed_streams(cable)));
    Moved moved(cable, deputy, all, true);
    const TimeNs begin = monotonic_ns();
    moved.sink().start();
    if (!moved.sink().wait_complete(std::chrono::minutes(1))) throw std::runtime_error("no pull");
    pulled.push_back(static_cast<double>(kGibibyte) / static_cast<double>(monotonic_ns() - begin));

    TimeNs from = monotonic_ns();
    if (!written(moved.body().pid(), {scanned}).empty()) std::cerr << "pages count as written\n";
    scans.push_back(static_cast<double>(monotonic_ns() - from) / 1e6);
    from = monotonic_ns();
    PageScan(moved.body().pid(), PageScan::Method::pagemap_file)
        .find({scanned}, {.any = 0, .all = PageScan::kWritten});
    scans_by_file.push_back(static_cast<double>(monotonic_ns() - from) / 1e6);
  }
  const double page_us = static_cast<double>(kPage) / median(raw) / 1000;
  figures.push_back(
      at_most("sequential_touch_per_page", median(sequential), "us", page_us, 4 / page_us));
  figures.push_back(at_most("  by faults alone", median(by_touch), "us", page_us, 5));
  figures.push_back(at_least("bulk_pull_1GiB", median(pulled), "GB/s", median(raw), 0.7));
  figures.push_back(at_most("dirty_scan_256MiB", median(scans), "ms", median(scans_by_file), 1));
  return figures;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return bench::report(measure(), bench::asks_for_json(argc, argv));
  } catch (const std::exception& e) {
    std::cerr << "bench_pages: " << e.what() << "\n";
    return 1;
  }
}
