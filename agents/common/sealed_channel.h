// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <list>
#include <unordered_map>
#include <vector>

#include "agents/common/clock.h"
#include "agents/common/replay_window.h"
#include "agents/common/sealed_datagram.h"
#include "agents/common/token_bucket.h"

namespace starling {

// What became of every datagram; only ever grows.
struct ChannelCounters {
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::uint64_t own = 0;             // sent by this process and looped back
  std::uint64_t foreign_flock = 0;   // well formed, another flock's
  std::uint64_t malformed = 0;       // wrong size, version or reserved bytes
  std::uint64_t forged = 0;          // our flock's tag, but does not open
  std::uint64_t replayed = 0;        // opened before, or too old to tell
  std::uint64_t stale_response = 0;  // answers no challenge that is open
  std::uint64_t unproven = 0;        // held, but the sender never proved to be alive
  std::uint64_t rate_limited = 0;    // too many unknown sessions, or too much held
  std::uint64_t challenges_sent = 0;
  std::uint64_t responses_sent = 0;
};

// The sealed channel of one node: seals what it sends, and of what it receives hands on only what
// a living member of the flock sent to this address, once.
//
// Each sending process seals under its own session key. A receiver that meets a session for the
// first time cannot tell a member from a recording of one, so it holds the datagram, sends a
// challenge with a fresh nonce, and delivers when that nonce comes back sealed by the same
// session. The answer also says which of the session's datagrams are older than kFloorStep
// or two, so that recordings of a session that still lives are refused as well: a word about a
// node that has died since must not reach someone who knows of its death only by hearsay. Sessions already proven cost
// one table look-up.
//
// Sans I/O and sans clock; not for two threads at once. Bounded in memory whatever arrives: a
// datagram that does not open leaves nothing behind, one that opens but is unproven can push out
// only other unproven ones.
class SealedChannel {
 public:
  // Shorter than any death takes to be declared, longer than a round trip of the challenge: what
  // falls below the floor by mistake is one lost datagram.
  static constexpr TimeNs kFloorStep = 200 * kMillisecond;

  struct Limits {
    std::size_t sessions = 16384;
    std::size_t unproven = 1024;
    std::size_t held = 256;  // datagrams held over all unproven sessions
    std::size_t held_per_session = 4;
    double derivations_per_second = 20000;  // key derivations for unknown sessions
    double responses_per_second = 2000;
    TimeNs proof_deadline = 3 * kSecond;
    TimeNs challenge_again = 250 * kMillisecond;
    TimeNs idle_session = 900 * kSecond;
  };

  // Where the channel's results go. Called from within receive().
  class Sink {
   public:
    virtual ~Sink() = default;
    // `payload` is valid during the call only. `received` is the time given to receive().
    virtual void deliver(const Path& path, Bytes payload, TimeNs received) = 0;
    // A challenge or a response of the channel's own, ready to be sent.
    virtual void transmit(const Path& path, Bytes datagram) = 0;
  };

  SealedChannel(const KeySchedule& keys, const SessionId& session, const Limits& limits);
  SealedChannel(const KeySchedule& keys, const SessionId& session);
  ~SealedChannel();

  // Seals one payload of at most kMaxPayload bytes into `out`; returns the datagram's size.
  std::size_t seal(const Path& path, Bytes payload, MutableBytes out);

  // Takes one datagram. `local` is this node's own address on path.interface, the source of
  // answers. `received` is when it arrived, `now` the present, both monotonic.
  void receive(const Path& path, const Address6& local, Bytes datagram, TimeNs received, TimeNs now,
               Sink& sink);

  // Forgets sessions that did not prove themselves in time or were silent for long. Call once
  // in kFloorStep or more often.
  void expire(TimeNs now);

  const ChannelCounters& counters() const { return counters_; }
  const SessionId& session() const { return sealer_.session(); }
  std::size_t proven_sessions() const { return proven_.size(); }
  std::size_t unproven_sessions() const { return unproven_.size(); }

 private:
  using Nonce = std::array<std::uint8_t, 16>;
  struct Session;
  using Order = std::list<SessionId>;  // least recently heard first

  struct Session {
    SessionKey key{};
    ReplayWindow window;
    bool proven = false;
    Nonce nonce{};
    TimeNs created = 0;
    TimeNs heard = 0;
    TimeNs challenged = 0;
    Order::iterator place;
  };
  struct HashSession {
    std::size_t operator()(const SessionId& id) const;
  };
  struct Held {
    SessionId session{};
    Path path;
    TimeNs received = 0;
    std::uint64_t counter = 0;
    std::size_t size = 0;  // bytes used of payload
    bool used = false;
    std::array<std::uint8_t, kMaxPayload> payload;
  };
  using Table = std::unordered_map<SessionId, Session, HashSession>;

  void on_data(Session& session, const SealedHeader& header, const Path& path,
               const Address6& local, Bytes payload, TimeNs received, TimeNs now, Sink& sink);
  void on_challenge(const SessionId& challenger, const Path& path, const Address6& local,
                    Bytes payload, TimeNs now, Sink& sink);
  void on_response(Session& session, const SessionId& id, Bytes payload, Sink& sink);
  void hold(const SealedHeader& header, const Path& path, Bytes payload, TimeNs received);
  // Delivers what is held of a session that proved itself, or drops it when `proven` is null.
  void release_held(const SessionId& id, const Session* proven, Sink* sink);
  void challenge(Session& session, const SessionId& id, const Path& path, const Address6& local,
                 TimeNs now, Sink& sink);
  Session& remember(const SessionId& id, const SessionKey& key, TimeNs now);
  void forget(Table::iterator it);

  const KeySchedule& keys_;
  Limits limits_;
  Aead aead_;
  DatagramSealer sealer_;
  TokenBucket derivations_;
  TokenBucket responses_;
  Table table_;
  Order proven_;
  Order unproven_;
  std::vector<Held> held_;
  // Own counters as they were one to two steps ago, and at the last step.
  std::uint64_t old_counter_ = 0;
  std::uint64_t mark_counter_ = 0;
  TimeNs marked_ = 0;
  ChannelCounters counters_;
};

}  // namespace starling
