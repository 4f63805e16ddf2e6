// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agents/common/event_loop.h"
#include "agents/common/sealed_channel.h"
#include "agents/common/udp_transport.h"
#include "agents/daemon/pi_mutex.h"
#include "agents/daemon/realtime.h"
#include "agents/daemon/xoshiro.h"
#include "agents/membership/member.h"

namespace starling::daemon {

// How punctual the liveness thread is.
struct Punctuality {
  TimeNs worst_late = 0;   // longest it ran after a deadline
  TimeNs worst_round = 0;  // longest one round of work took
  std::uint64_t rounds = 0;
};

// What the liveness thread knew at one moment.
struct Snapshot {
  TimeNs taken = 0;                           // CLOCK_MONOTONIC; 0: never
  std::vector<membership::BoardEntry> board;  // this node first, dead and left nodes too
  std::size_t alive = 0;
  membership::Counters member;
  ChannelCounters channel;
  TransportCounters transport;
  std::size_t proven_sessions = 0;
  std::size_t member_memory = 0;
  Punctuality punctuality;
  std::string realtime_trouble;  // empty: it is real-time
};

// The thread that answers probes: owns the socket, the sealed channel and the Member. Everything
// it gets from and gives to the rest of the daemon goes through two small boxes under a
// priority-inheriting mutex; nothing it does waits for a disk, a client or another process.
class Liveness : membership::Environment, membership::Observer, SealedChannel::Sink {
 public:
  struct Settings {
    const KeySchedule* keys = nullptr;  // must outlive the thread, which alone uses it
    SessionId session{};
    std::uint16_t port = 0;
    int priority = 0;
    membership::Options member;
  };

  // Binds the socket (throws std::system_error) and starts the thread. `to_main` is signalled
  // whenever there is something to take.
  Liveness(const Settings& settings, const membership::LocalFacts& facts,
           const std::vector<Port>& ports, Wakeup& to_main);
  ~Liveness() override;

  // Any thread.
  void set_ports(const std::vector<Port>& ports);
  void publish(const membership::LocalFacts& facts);
  void request_snapshot();
  void leave();
  // Moves what happened since the last call to `events`.
  void take_events(std::vector<membership::Event>& events);
  // Swaps the newest snapshot into `into` when there is one newer than that; else false.
  bool take_snapshot(Snapshot& into);
  // True when all goodbyes are said.
  bool gone() const { return gone_; }
  // Grows while the thread does its work.
  std::uint64_t heartbeat() const { return heartbeat_; }

 private:
  struct Inbox {
    std::optional<std::vector<Port>> ports;
    std::optional<membership::LocalFacts> facts;
    bool snapshot = false;
    bool leave = false;
    bool stop = false;
  };
  static constexpr std::size_t kMaxEvents = 4096;

  void run();
  void take_inbox();
  // Starts the Member once there is a link to hear others on: a number claimed in the dark would
  // be somebody else's. A machine that stays without any becomes a flock of one after a while.
  void start_when_connected();
  void read_socket();
  void fill_snapshot();
  void post(const std::function<void(Inbox&)>& change);

  membership::Time now() override;
  std::uint64_t random() override;
  void send(const membership::Address& to, std::span<const std::uint8_t> bytes) override;
  void multicast(std::span<const std::uint8_t> bytes) override;
  void on_event(const membership::Event& event) override;
  void deliver(const Path& path, Bytes payload, TimeNs received) override;
  void transmit(const Path& path, Bytes datagram) override;

  const Settings settings_;
  Wakeup& to_main_;
  Wakeup wakeup_;
  Timer timer_;
  Xoshiro random_;
  UdpTransport transport_;
  SealedChannel channel_;
  membership::Member member_;
  Punctuality punctuality_;
  std::string realtime_trouble_;
  TimeNs expire_at_ = 0;
  TimeNs start_anyway_ = 0;
  bool started_ = false;
  bool left_ = false;
  bool stop_ = false;

  PiMutex inbox_mutex_;
  Inbox inbox_;
  PiMutex outbox_mutex_;
  std::vector<membership::Event> events_;
  Snapshot snapshot_;
  std::atomic<bool> gone_{false};
  std::atomic<std::uint64_t> heartbeat_{0};

  std::unique_ptr<SmallThread> thread_;  // last: it uses all the rest
};

// The core's addresses hold the two halves of an IPv6 address as numbers.
membership::Address to_member_address(const Address6& address, std::uint32_t interface,
                                      std::uint16_t port);
Address6 to_address6(const membership::Address& address);

}  // namespace starling::daemon
