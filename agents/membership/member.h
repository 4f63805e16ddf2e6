// SPDX-License-Identifier: GPL-2.0-or-later
// Who is here, and how loaded: the flock's membership and bulletin board, as seen by one node.
//
// The core does no I/O and reads no clock: everything comes in by calls and goes out through an
// Environment, so the same code runs in the daemon and under the simulator (tests/sim).
// The protocol, its formulas and its bounds are in docs/MEMBERSHIP.md.
//
// Threading: one thread at a time. No call blocks. The Environment must not call back into the
// Member from send(), multicast() or on_event(). Nothing is thrown out of receive() or tick().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agents/membership/address.h"

namespace starling::membership {

// Monotonic time since an arbitrary start (CLOCK_BOOTTIME or CLOCK_MONOTONIC in the daemon).
using Time = std::chrono::microseconds;

// No plaintext the core sends is longer, and none longer is accepted.
inline constexpr size_t kMaxDatagram = 1180;
// Nodes one Member can know, dead ones included.
inline constexpr size_t kMaxNodes = 16384;

class Environment {
 public:
  virtual ~Environment() = default;
  virtual Time now() = 0;
  // Uniform 64 bits; need not be cryptographic except for Options::uid, which the caller draws.
  virtual uint64_t random() = 0;
  // Best effort, may be lost. `bytes` is only valid during the call.
  virtual void send(const Address& to, std::span<const uint8_t> bytes) = 0;
  // To every node on every wired interface, best effort. Not looped back to the sender.
  virtual void multicast(std::span<const uint8_t> bytes) = 0;
};

enum class State : uint8_t { kAlive = 1, kSuspect = 2, kDead = 3, kLeft = 4 };

enum class EventKind : uint8_t {
  kJoined,    // a node unknown until now
  kReturned,  // a node held dead or left is back in the same session
  kSuspected,
  kRefuted,  // a suspicion was lifted
  kDead,
  kLeft,           // said goodbye
  kReplaced,       // an older session of a machine gave way to a newer one
  kNumberChanged,  // also for this node itself
};

struct Event {
  EventKind kind;
  uint64_t uid;
  uint16_t number;  // 0: none
  Time at;
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_event(const Event& event) = 0;
};

// What a node says about itself. The first part changes all the time and is gossiped in every
// period; the second is sent once (again when it changes).
struct LocalFacts {
  double load = 0;           // run queue length; kept to 1/100, at most 655
  uint64_t memory_free = 0;  // bytes; kept to 1/1000 of the total

  uint64_t memory_total = 0;  // bytes
  uint32_t cpus = 0;
  uint32_t speed = 0;              // relative to the economy's standard processor
  std::string hostname;            // at most 64 bytes are kept
  std::string version;             // of the daemon; at most 32 bytes
  std::string image;               // image id; at most 64 bytes
  std::vector<Address> addresses;  // all link-local addresses, at most 8; scope is ignored
};

struct BoardEntry {
  uint64_t uid = 0;
  uint64_t machine = 0;  // 0: not yet known
  uint16_t number = 0;   // 0: none (yet)
  State state = State::kAlive;
  bool self = false;
  Address address;
  Time age{};       // since the node itself produced the figures below
  Time in_state{};  // how long it has been in `state`, as seen here
  uint32_t sequence = 0;
  double load = 0;
  uint64_t memory_free = 0;
  // From the node's description; empty or 0 until that arrived.
  uint64_t memory_total = 0;
  uint32_t cpus = 0;
  uint32_t speed = 0;
  std::string hostname, version, image;
};

struct Counters {
  uint64_t datagrams_in = 0, datagrams_out = 0;
  uint64_t bytes_in = 0, bytes_out = 0;  // plaintext
  uint64_t multicasts_out = 0;
  uint64_t malformed = 0;   // did not parse, or too long
  uint64_t own_echo = 0;    // our own datagrams come back
  uint64_t table_full = 0;  // nodes refused for want of room
  uint64_t probes = 0, probe_retries = 0, probe_indirect = 0, probe_failures = 0;
  uint64_t suspicions_raised = 0, suspicions_heard = 0, refutations = 0;
  uint64_t deaths_declared = 0, deaths_heard = 0, deaths_ignored = 0, deaths_doubted = 0;
  uint64_t revivals = 0;
  uint64_t syncs_started = 0, syncs_finished = 0, sync_pages_in = 0, sync_pages_out = 0;
  uint64_t rolls_in = 0, rolls_out = 0, roll_revivals = 0;
  uint64_t rows_in = 0, rows_newer = 0;
  uint64_t late_ticks = 0;
  uint64_t number_conflicts = 0;
};

class DescriptionPool;

struct Options {
  // Of this daemon start: draw it from a cryptographic source, never 0, never reuse.
  uint64_t uid = 0;
  // Stable across restarts: a hash of permanent MAC addresses or the product uuid. Never 0.
  uint64_t machine = 0;
  // UDP port all nodes of the flock use.
  uint16_t port = 0;
  // The number this machine had last, from disk; 0: unknown. (Others may remember it too.)
  uint16_t previous_number = 0;
  // The session this machine had last, from disk; 0: unknown.
  uint64_t previous_uid = 0;

  Time period{200'000};
  size_t max_nodes = kMaxNodes;
  // How long the number of a dead node stays reserved for its machine.
  Time reservation{std::chrono::minutes(30)};
  // Descriptions shared between Members of one process (the simulator); null: an own pool.
  std::shared_ptr<DescriptionPool> pool;
};

class Member {
 public:
  // Throws std::invalid_argument if uid, machine or period is out of range. `environment` and
  // `observer` (may be null) must outlive the Member.
  Member(const Options& options, Environment& environment, Observer* observer = nullptr);
  ~Member();
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  // Begins to beacon and to probe. Call publish() first, so that the first words are complete.
  void start();
  // One authenticated plaintext. `arrived_at`: when the kernel received it (not when it was read),
  // on the same clock as now(); it may be earlier than now(), queueing then counts as age.
  void receive(const Address& from, std::span<const uint8_t> bytes, Time arrived_at);
  // Does what is due. Deliver everything already received BEFORE calling tick(), or an answer that
  // waits in a socket looks like silence.
  void tick();
  // When tick() is next due (never later than one period ahead once started).
  Time next_deadline() const;
  void publish(const LocalFacts& facts);
  // Says goodbye at once, three times over the next ticks (about 50 ms); then silent for good.
  void leave();
  // True when leave() has said all it wants to say.
  bool gone() const;

  uint64_t uid() const;
  uint16_t number() const;  // 0: none yet
  // Nodes held alive (suspects included), this one included.
  size_t alive() const;
  // All that is known, this node first; dead and left nodes only if asked for.
  std::vector<BoardEntry> board(bool with_dead = false) const;
  // Living nodes whose figures are freshest, at most `most`, the freshest first, without this one:
  // what a decision should be made from. In a big flock these are other nodes in every period, and
  // the call costs the same in a flock of any size.
  std::vector<BoardEntry> freshest(size_t most) const;
  std::optional<BoardEntry> find(uint64_t uid) const;
  std::optional<BoardEntry> find_number(uint16_t number) const;
  const Counters& counters() const;
  // Heap bytes held, descriptions excluded.
  size_t memory_use() const;

  // Puts a node into the view as if heard from a third party `age` ago: for a view saved before a
  // restart, and for simulations that do not want to begin with the join of 10,000 nodes. Of this
  // node itself the number counts: it is held from now on, and nobody need be told by beacon.
  void preload(const BoardEntry& entry, Time age);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace starling::membership
