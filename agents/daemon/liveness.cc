// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/liveness.h"

#include <sys/epoll.h>

#include <algorithm>
#include <mutex>

namespace starling::daemon {

using membership::Time;

// Datagrams read before the clock is looked at again.
static constexpr std::size_t kReadLimit = 1024;
static constexpr TimeNs kExpirePeriod = SealedChannel::kFloorStep;
static constexpr TimeNs kLonelyPatience = 20 * kSecond;

membership::Address to_member_address(const Address6& address, std::uint32_t interface,
                                      std::uint16_t port) {
  return {get_be64(address.data()), get_be64(address.data() + 8), interface, port};
}

Address6 to_address6(const membership::Address& address) {
  Address6 out;
  put_be64(out.data(), address.hi);
  put_be64(out.data() + 8, address.lo);
  return out;
}

static Time to_time(TimeNs ns) {
  return Time(ns / 1000);
}
static TimeNs to_ns(Time time) {
  return time.count() * 1000;
}

Liveness::Liveness(const Settings& settings, const membership::LocalFacts& facts,
                   const std::vector<Port>& ports, Wakeup& to_main)
    : settings_(settings),
      to_main_(to_main),
      transport_(settings.port),
      channel_(*settings.keys, settings.session),
      member_(settings.member, *this, this) {
  events_.reserve(kMaxEvents);
  transport_.set_ports(ports);
  member_.publish(facts);
  thread_ = std::make_unique<SmallThread>([this] { run(); });
}

Liveness::~Liveness() {
  post([](Inbox& inbox) { inbox.stop = true; });
  thread_.reset();
}

void Liveness::post(const std::function<void(Inbox&)>& change) {
  {
    const std::lock_guard lock(inbox_mutex_);
    change(inbox_);
  }
  wakeup_.signal();
}

void Liveness::set_ports(const std::vector<Port>& ports) {
  post([&](Inbox& inbox) { inbox.ports = ports; });
}
void Liveness::publish(const membership::LocalFacts& facts) {
  post([&](Inbox& inbox) { inbox.facts = facts; });
}
void Liveness::request_snapshot() {
  post([](Inbox& inbox) { inbox.snapshot = true; });
}
void Liveness::leave() {
  post([](Inbox& inbox) { inbox.leave = true; });
}

void Liveness::take_events(std::vector<membership::Event>& events) {
  const std::lock_guard lock(outbox_mutex_);
  events.assign(events_.begin(), events_.end());
  events_.clear();
}

bool Liveness::take_snapshot(Snapshot& into) {
  const std::lock_guard lock(outbox_mutex_);
  if (snapshot_.taken <= into.taken) return false;
  std::swap(into, snapshot_);
  return true;
}

void Liveness::run() {
  realtime_trouble_ = become_realtime(settings_.priority);
  prefault_stack();
  EventLoop loop;
  loop.add(transport_.fd(), EPOLLIN, [](std::uint32_t) {});
  loop.add(timer_.fd(), EPOLLIN, [this](std::uint32_t) { timer_.take(); });
  loop.add(wakeup_.fd(), EPOLLIN, [this](std::uint32_t) {
    wakeup_.take();
    take_inbox();
  });
  start_anyway_ = monotonic_ns() + kLonelyPatience;
  start_when_connected();
  while (!stop_) {
    const TimeNs deadline = started_ ? to_ns(member_.next_deadline()) : start_anyway_;
    timer_.set(std::min(deadline, expire_at_));
    loop.run_once(-1);
    const TimeNs begin = monotonic_ns();
    // What waits in the socket first: an answer unread would look like silence.
    read_socket();
    TimeNs t = monotonic_ns();
    if (!started_) {
      start_when_connected();
    } else if (t >= deadline) {
      punctuality_.worst_late = std::max(punctuality_.worst_late, begin - deadline);
      member_.tick();
    }
    if (t >= expire_at_) {
      channel_.expire(t);
      expire_at_ = t + kExpirePeriod;
    }
    if (!gone_ && (member_.gone() || (left_ && !started_))) {
      gone_ = true;
      to_main_.signal();
    }
    t = monotonic_ns();
    punctuality_.worst_round = std::max(punctuality_.worst_round, t - begin);
    ++punctuality_.rounds;
    ++heartbeat_;
  }
}

void Liveness::start_when_connected() {
  if (left_ || (transport_.ports().empty() && monotonic_ns() < start_anyway_)) return;
  started_ = true;
  member_.start();
}

void Liveness::read_socket() {
  const TimeNs begin = monotonic_ns();
  const std::size_t n = transport_.receive(
      kReadLimit, [&](const Path& path, const Address6& local, Bytes datagram, TimeNs arrived) {
        channel_.receive(path, local, datagram, arrived, begin, *this);
      });
  // Somebody floods us. The rest of the machine gets as much time as the flood took; what
  // overflows the socket meanwhile is mostly the flood.
  if (n >= kReadLimit) {
    const TimeNs spent = std::min(monotonic_ns() - begin, 10 * kMillisecond);
    const timespec pause{0, static_cast<long>(spent)};
    nanosleep(&pause, nullptr);
  }
}

void Liveness::take_inbox() {
  Inbox todo;
  {
    const std::lock_guard lock(inbox_mutex_);
    std::swap(todo, inbox_);
  }
  if (todo.ports) transport_.set_ports(*todo.ports);
  if (todo.facts) member_.publish(*todo.facts);
  if (todo.leave) {
    left_ = true;
    if (started_) member_.leave();
  }
  if (todo.snapshot) fill_snapshot();
  stop_ |= todo.stop;
}

void Liveness::fill_snapshot() {
  Snapshot s;
  s.board = member_.board(true);
  s.alive = member_.alive();
  s.member = member_.counters();
  s.channel = channel_.counters();
  s.transport = transport_.counters();
  s.proven_sessions = channel_.proven_sessions();
  s.member_memory = member_.memory_use();
  s.punctuality = punctuality_;
  s.realtime_trouble = realtime_trouble_;
  s.taken = monotonic_ns();
  {
    const std::lock_guard lock(outbox_mutex_);
    std::swap(snapshot_, s);
  }
  to_main_.signal();
}

Time Liveness::now() {
  return to_time(monotonic_ns());
}

std::uint64_t Liveness::random() {
  return random_();
}

void Liveness::send(const membership::Address& to, std::span<const std::uint8_t> bytes) {
  const Port* port = transport_.find_port(to.scope);
  if (!port || bytes.size() > kMaxPayload) return;
  const Path path{to.scope, port->address, to_address6(to)};
  std::array<std::uint8_t, kMaxDatagram> datagram;
  transport_.send(path, Bytes(datagram.data(), channel_.seal(path, bytes, datagram)));
}

void Liveness::multicast(std::span<const std::uint8_t> bytes) {
  if (bytes.size() > kMaxPayload) return;
  for (const Port& port : transport_.ports()) {
    const Path path{port.interface, port.address, UdpTransport::kGroup};
    std::array<std::uint8_t, kMaxDatagram> datagram;
    transport_.send(path, Bytes(datagram.data(), channel_.seal(path, bytes, datagram)));
  }
}

void Liveness::on_event(const membership::Event& event) {
  {
    const std::lock_guard lock(outbox_mutex_);
    // The main thread may be kept from running for long; the newest events then are the loss,
    // and the next snapshot has their outcome.
    if (events_.size() < kMaxEvents) events_.push_back(event);
  }
  to_main_.signal();
}

void Liveness::deliver(const Path& path, Bytes payload, TimeNs received) {
  if (!started_) return;
  member_.receive(to_member_address(path.source, path.interface, settings_.port), payload,
                  to_time(received));
}

void Liveness::transmit(const Path& path, Bytes datagram) {
  transport_.send(path, datagram);
}

}  // namespace starling::daemon
