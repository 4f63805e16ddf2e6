// SPDX-License-Identifier: GPL-2.0-or-later
// What moving costs, with the real helpers in two network namespaces joined by a cable, each figure
// beside its yardstick measured in the same run.
//
//   bench_migrate [--json] [--quick]
//
// Exit status 1 when a figure is out of its reach. --quick leaves out 1 GiB and more.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>
#include <vector>

#include "agents/common/clock.h"
#include "agents/common/fail.h"
#include "agents/common/unique_fd.h"
#include "agents/migrate/process_maps.h"
#include "agents/migrate/tracee.h"
#include "tests/bench/figures.h"
#include "tests/lab/move_driver.h"
#include "tests/lab/net_ns.h"

using namespace starling;
using bench::Figure;
using bench::median;
using std::chrono::milliseconds;

namespace {

constexpr int kHome = 1, kGuest = 2;
constexpr const char* kHomeAddress = "fd00:5747::1";
constexpr const char* kGuestAddress = "fd00:5747::2";

// Two namespaces and the cable between them.
struct Wire {
  lab::NetNs home{"bench-home"};
  lab::NetNs guest{"bench-guest"};
  Wire() {
    lab::connect(home, "wire0", guest, "wire0");
    home.ip({"addr", "add", std::string(kHomeAddress) + "/64", "dev", "wire0", "nodad"});
    guest.ip({"addr", "add", std::string(kGuestAddress) + "/64", "dev", "wire0", "nodad"});
  }
};

// A TCP connection from home to a thread that runs `server` in the guest's namespace.
class Line {
 public:
  Line(const Wire& wire, std::function<void(int fd)> server) {
    UniqueFd listener;
    wire.guest.inside([&] {
      listener = UniqueFd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in6 any{};
      any.sin6_family = AF_INET6;
      if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) != 0 ||
          ::listen(listener.get(), 1) != 0) {
        fail_errno("listen");
      }
    });
    sockaddr_in6 to{};
    socklen_t size = sizeof to;
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&to), &size);
    ::inet_pton(AF_INET6, kGuestAddress, &to.sin6_addr);
    wire.home.inside([&] {
      fd_ = UniqueFd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
        fail_errno("connect");
    });
    other_ = UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const int on = 1;
    for (const int fd : {fd_.get(), other_.get()})
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    thread_ = std::thread([this, server] { server(other_.get()); });
  }
  ~Line() {
    ::shutdown(fd_.get(), SHUT_WR);
    thread_.join();
  }
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_, other_;
  std::thread thread_;
};

double tcp_round_trip_us(const Wire& wire) {
  Line line(wire, [](int fd) {
    char buffer[64];
    while (true) {
      const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0 || ::send(fd, buffer, static_cast<std::size_t>(n), MSG_NOSIGNAL) != n) return;
    }
  });
  std::vector<double> samples;
  char buffer[64] = {};
  for (int s = 0; s < 51; ++s) {
    const TimeNs begin = monotonic_ns();
    for (int i = 0; i < 200; ++i) {
      if (::send(line.fd(), buffer, sizeof buffer, 0) != sizeof buffer) fail_errno("send");
      if (::recv(line.fd(), buffer, sizeof buffer, MSG_WAITALL) != sizeof buffer)
        fail_errno("recv");
    }
    samples.push_back(static_cast<double>(monotonic_ns() - begin) / 200 / 1000);
  }
  return median(samples);
}

std::string workload_program() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "migrate_workload";
}

// A process of migrate_workload, and what it answers.
class Worker {
 public:
  explicit Worker(const Wire& wire)
      : driver_({{kGuestAddress, "wire0", wire.guest.fd(), {}, {}, {}, {}}},
                lab::random_stream_key(), wire.home.fd()) {
    const Ends ends = open_pipes();
    driver_.start({workload_program()}, ends.in.get(), ends.out.get());
  }
  // One that nothing of Starling's knows of.
  Worker() : driver_({}, {}) {
    const Ends ends = open_pipes();
    alone_ = ::fork();
    if (alone_ < 0) fail_errno("fork");
    if (alone_ > 0) return;
    const std::string program = workload_program();
    ::dup2(ends.in.get(), 0);
    ::dup2(ends.out.get(), 1);
    ::execl(program.c_str(), program.c_str(), nullptr);
    ::_exit(127);
  }
  ~Worker() {
    if (alone_ <= 0) return;
    ::kill(alone_, SIGKILL);
    ::waitpid(alone_, nullptr, 0);
  }
  Worker(const Worker&) = delete;

  // Nanoseconds of one piece of work.
  double ask(const std::string& work) {
    const std::string line = work + "\n";
    if (::write(to_.get(), line.data(), line.size()) < 0) fail_errno("workload");
    std::string answer;
    const TimeNs end = monotonic_ns() + 120 * kSecond;
    while (monotonic_ns() < end) {
      pollfd p{from_.get(), POLLIN, 0};
      if (::poll(&p, 1, 1) > 0) {
        char c;
        if (::read(from_.get(), &c, 1) != 1) break;
        if (c == '\n') return std::stod(answer);
        answer += c;
      } else if (driver_.where() != kHome) {
        driver_.pump(milliseconds(0));  // it may come home
      }
    }
    throw std::runtime_error("the workload does not answer \"" + work + "\"");
  }
  // The reply; throws when the move fails.
  nlohmann::json go(int place) {
    const auto reply = driver_.move(place, milliseconds(60'000));
    if (!reply.value("ok", false))
      throw std::runtime_error("a move failed: " + reply.value("error", "?"));
    return reply;
  }
  lab::MoveDriver& driver() { return driver_; }

 private:
  struct Ends {
    UniqueFd in, out;  // the workload's
  };
  Ends open_pipes() {
    int to[2], from[2];
    if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0) fail_errno("pipe");
    to_ = UniqueFd(to[1]);
    from_ = UniqueFd(from[0]);
    return {UniqueFd(to[0]), UniqueFd(from[1])};
  }

  lab::MoveDriver driver_;
  pid_t alone_ = 0;
  UniqueFd to_, from_;
};

// The yardstick: stop the process, send all its memory over the wire into memory on the other side,
// and only then let it go.
double stop_and_copy_ms(const Wire& wire, pid_t pid) {
  Line line(wire, [](int fd) {
    std::vector<char> room(8 << 20);
    std::uint64_t size = 0;
    if (::recv(fd, &size, sizeof size, MSG_WAITALL) != sizeof size) return;
    auto* memory = static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    for (std::uint64_t done = 0; done < size;) {
      const ssize_t n = ::recv(fd, memory + done, std::min<std::uint64_t>(1 << 20, size - done), 0);
      if (n <= 0) return;
      done += static_cast<std::uint64_t>(n);
    }
    (void)!::send(fd, "k", 1, MSG_NOSIGNAL);
    ::munmap(memory, size);
    char c;
    (void)!::recv(fd, &c, 1, 0);
  });
  const TimeNs begin = monotonic_ns();
  {
    const auto tracee = migrate::Tracee::freeze(pid);
    std::uint64_t size = 0;
    std::vector<migrate::RemoteRange> ranges;
    for (const auto& m : migrate::read_maps(pid)) {
      if (m.prot == 0 || m.kind != migrate::VmaKind::ordinary) continue;
      ranges.push_back(m.range);
      size += m.range.size();
    }
    if (::send(line.fd(), &size, sizeof size, 0) != sizeof size) fail_errno("send");
    std::vector<std::uint8_t> buffer(1 << 20);
    for (const auto& range : ranges) {
      for (auto at = range.begin; at < range.end; at = at + buffer.size()) {
        const auto n = std::min<std::uint64_t>(buffer.size(), range.end - at);
        tracee.read_some(at, {buffer.data(), n});
        for (std::uint64_t sent = 0; sent < n;) {
          const ssize_t w = ::send(line.fd(), buffer.data() + sent, n - sent, 0);
          if (w < 0) fail_errno("send");
          sent += static_cast<std::uint64_t>(w);
        }
      }
    }
    char c;
    if (::recv(line.fd(), &c, 1, 0) != 1) fail_errno("recv");
  }
  return static_cast<double>(monotonic_ns() - begin) / kMillisecond;
}

std::vector<Figure> freezes(const Wire& wire, bool quick) {
  std::vector<Figure> figures;
  struct sysinfo info {};
  ::sysinfo(&info);
  for (const long mib : {16L, 64L, 256L, 1024L, 4096L}) {
    if (quick && mib >= 1024) break;
    // Both copies and the yardstick's must fit.
    if (static_cast<std::uint64_t>(mib) * 3 > (info.freeram * info.mem_unit >> 20)) break;
    Worker worker(wire);
    worker.ask("hold " + std::to_string(mib));
    std::vector<double> out;
    for (int i = 0; i < 9; ++i) {
      out.push_back(worker.go(kGuest).value("freeze_us", 0.0) / 1000);
      worker.go(kHome);
    }
    Figure f;
    f.name = "frozen going out, " + std::to_string(mib) + " MiB";
    f.value = median(out);
    f.unit = "ms";
    f.yardstick = stop_and_copy_ms(wire, worker.driver().pid());
    f.ratio = f.yardstick / f.value;
    f.reach = mib == 1024 ? "<= 10 ms and >= 50 x shorter than stop and copy" : "<= 10 ms";
    f.ok = f.value <= 10 && (mib != 1024 || f.ratio >= 50);
    figures.push_back(f);
  }
  return figures;
}

// All that was held is written while away; the process waits for work when it is called home.
Figure freeze_going_home(const Wire& wire, long mib) {
  Worker worker(wire);
  worker.ask("hold " + std::to_string(mib));
  std::vector<double> home;
  for (int i = 0; i < 5; ++i) {
    worker.go(kGuest);
    worker.ask("dirty");
    home.push_back(worker.go(kHome).value("return_freeze_us", 0.0) / 1000);
  }
  Figure f;
  f.name = "frozen coming home, " + std::to_string(mib) + " MiB written";
  f.value = median(home);
  f.unit = "ms";
  f.yardstick = stop_and_copy_ms(wire, worker.driver().pid());
  f.ratio = f.yardstick / f.value;
  f.reach = "<= 10 ms";
  f.ok = f.value <= 10;
  return f;
}

Figure one_call(const Wire& wire) {
  Worker worker(wire);
  worker.go(kGuest);
  worker.ask("calls 200");
  std::vector<double> us;
  for (int i = 0; i < 21; ++i) us.push_back(worker.ask("calls 500") / 500 / 1000);
  Figure f;
  f.name = "one forwarded small call";
  f.value = median(us);
  f.unit = "us";
  f.yardstick = tcp_round_trip_us(wire);
  f.ratio = f.value / f.yardstick;
  f.reach = "<= TCP round trip + 20 us";
  f.ok = f.value <= f.yardstick + 20;
  return f;
}

// The same work at home and away, alternating; how much of the native speed is left.
Figure speed(const Wire& wire, const std::string& name, const std::string& work, double reach) {
  Worker worker(wire);
  std::vector<double> native, away;
  worker.ask(work);
  for (int i = 0; i < 5; ++i) {
    native.push_back(worker.ask(work) / 1e6);
    worker.go(kGuest);
    worker.ask(work);  // what it needs is here then
    if (worker.driver().where() != kGuest) worker.go(kGuest);
    away.push_back(worker.ask(work) / 1e6);
    if (worker.driver().where() != kGuest) throw std::runtime_error(name + ": it went home");
    worker.go(kHome);
  }
  Figure f;
  f.name = name;
  f.value = median(away);
  f.unit = "ms";
  f.yardstick = median(native);
  f.ratio = f.yardstick / f.value;
  f.reach = ">= " + std::to_string(reach).substr(0, 4) + " of native";
  f.ok = f.ratio >= reach;
  return f;
}

// Beside what it would cost if the process went home for it.
Figure a_thread(const Wire& wire) {
  Worker worker(wire);
  worker.ask("threads 100");
  const double native = worker.ask("threads 100") / 100 / 1000;
  worker.go(kGuest);
  worker.ask("threads 100");
  std::vector<double> away, trips;
  for (int i = 0; i < 9; ++i) away.push_back(worker.ask("threads 100") / 100 / 1000);
  if (worker.driver().where() != kGuest) throw std::runtime_error("threads: it went home");
  for (int i = 0; i < 9; ++i) {
    const TimeNs begin = monotonic_ns();
    worker.go(kHome);
    worker.go(kGuest);
    trips.push_back(static_cast<double>(monotonic_ns() - begin) / 1000);
  }
  Figure f =
      bench::at_most("a thread made and joined away", median(away), "us", median(trips), 0.25);
  f.reach = "<= 0.25 of going home and out again; native " + bench::short_number(native) + " us";
  return f;
}

// A process that could move at any moment, with its helper waiting, beside one that nobody knows
// of: work that would show a tracer, a filter or a moved allocator.
Figure staying(const Wire& wire) {
  Worker known(wire), unknown;
  std::vector<double> with, without;
  const auto work = [](Worker& worker) {
    return (worker.ask("calls 300000") + worker.ask("malloc 300000") + worker.ask("spin 1")) / 1e6;
  };
  work(known), work(unknown);
  for (int i = 0; i < 15; ++i) {
    // Who is first changes, so that what else the machine does meets both.
    if (i % 2 == 0) with.push_back(work(known));
    without.push_back(work(unknown));
    if (i % 2 == 1) with.push_back(work(known));
  }
  std::sort(without.begin(), without.end());
  const double spread = without[without.size() * 3 / 4] / without[without.size() / 2];
  Figure f;
  f.name = "a process that never moves";
  f.value = median(with);
  f.unit = "ms";
  f.yardstick = median(without);
  f.ratio = f.value / f.yardstick;
  f.reach = "none measurable: within the upper quartile of native, " + bench::short_number(spread);
  f.ok = f.ratio <= spread;
  return f;
}

Figure touch(const Wire& wire, long mib) {
  Worker worker(wire);
  worker.ask("hold " + std::to_string(mib));
  const double pages = static_cast<double>(mib) * 256;
  const double native = worker.ask("touch") / pages / 1000;
  worker.go(kGuest);
  const double away = worker.ask("touch") / pages / 1000;
  Figure f;
  f.name = "sequential touch after the move, per page";
  f.value = away;
  f.unit = "us";
  f.yardstick = native;
  f.ratio = away / native;
  f.reach = "<= 4 us";
  f.ok = away <= 4;
  return f;
}

// Many processes at once: from the first order until the last one runs on the guest.
Figure many(const Wire& wire, int count) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < count; ++i) {
    workers.push_back(std::make_unique<Worker>(wire));
    workers.back()->ask("hold 1");
  }
  TimeNs begin = monotonic_ns();
  workers[0]->go(kGuest);
  const double one = static_cast<double>(monotonic_ns() - begin) / kMillisecond;
  workers[0]->go(kHome);
  begin = monotonic_ns();
  for (auto& w : workers) w->driver().order(kGuest);
  const TimeNs end = begin + 120 * kSecond;
  while (monotonic_ns() < end && std::any_of(workers.begin(), workers.end(),
                                             [](auto& w) { return w->driver().waiting(); })) {
    for (auto& w : workers) w->driver().pump(milliseconds(0));
    ::usleep(200);
  }
  Figure f;
  f.name = std::to_string(count) + " processes moved at once";
  f.value = static_cast<double>(monotonic_ns() - begin) / kMillisecond;
  f.unit = "ms";
  f.yardstick = one * count;
  f.ratio = f.value / f.yardstick;
  const auto there = std::count_if(workers.begin(), workers.end(),
                                   [](auto& w) { return w->driver().where() == kGuest; });
  f.reach = "all there (" + std::to_string(there) + "), <= 1.3 x as many single moves";
  f.ok = there == count && f.ratio <= 1.3;
  return f;
}

}  // namespace

int main(int argc, char** argv) {
  bool json = false, quick = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--json") {
      json = true;
    } else if (argument == "--quick") {
      quick = true;
    } else {
      std::cout << "bench_migrate [--json] [--quick]: what moving a process costs; needs root\n";
      return argument == "--help" ? 0 : 2;
    }
  }
  if (::geteuid() != 0) {
    std::cerr << "bench_migrate: needs root: it makes network namespaces and traces processes\n";
    return 3;
  }
  try {
    const Wire wire;
    std::vector<Figure> figures = freezes(wire, quick);
    for (const long mib : {16L, 256L}) figures.push_back(freeze_going_home(wire, mib));
    figures.push_back(one_call(wire));
    figures.push_back(speed(wire, "CPU-bound work, 1 thread", "spin 1", 0.98));
    figures.push_back(speed(wire, "CPU-bound work, 4 threads", "spin 4", 0.98));
    figures.push_back(speed(wire, "malloc-heavy work, 1e6 calls", "malloc 1000000", 0.9));
    figures.push_back(staying(wire));
    figures.push_back(a_thread(wire));
    figures.push_back(touch(wire, quick ? 64 : 256));
    figures.push_back(many(wire, quick ? 10 : 100));
    return bench::report(figures, json);
  } catch (const std::exception& e) {
    std::cerr << "bench_migrate: " << e.what() << '\n';
    return 3;
  }
}
