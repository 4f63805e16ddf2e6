// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/sealed_channel.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "agents/common/flock_key.h"

namespace starling {
namespace {

struct Packet {
  Path path;
  std::vector<std::uint8_t> bytes;
};

// A wire on which the test decides what arrives, and an eavesdropper that keeps all of it.
class Wire {
 public:
  std::deque<Packet> in_flight;
  std::vector<Packet> recorded;

  void put(const Path& path, Bytes bytes) {
    in_flight.push_back({path, {bytes.begin(), bytes.end()}});
    recorded.push_back(in_flight.back());
  }
};

class Station : public SealedChannel::Sink {
 public:
  Station(Wire& wire, std::uint8_t number, const std::string& flock = "test",
          SealedChannel::Limits limits = {}, std::uint8_t life = 0)
      : wire_(wire), keys_(FlockKey({42}), flock) {
    address[0] = 0xfe;
    address[1] = 0x80;
    address[15] = number;
    channel = std::make_unique<SealedChannel>(keys_, SessionId{number, life}, limits);
  }

  void send(const Address6& to, const std::string& text) {
    const Path path{1, address, to};
    std::vector<std::uint8_t> out(kMaxDatagram);
    out.resize(channel->seal(path, as_bytes(text), out));
    wire_.put(path, out);
  }
  void take(const Packet& p) { channel->receive(p.path, address, p.bytes, now, now, *this); }

  void deliver(const Path&, Bytes payload, TimeNs) override {
    got.emplace_back(payload.begin(), payload.end());
  }
  void transmit(const Path& path, Bytes datagram) override { wire_.put(path, datagram); }

  const ChannelCounters& counters() const { return channel->counters(); }

  Address6 address{};
  TimeNs now = kSecond;
  std::vector<std::string> got;
  std::unique_ptr<SealedChannel> channel;

 private:
  Wire& wire_;
  KeySchedule keys_;
};

void run(Wire& wire, const std::vector<Station*>& stations) {
  while (!wire.in_flight.empty()) {
    const Packet p = wire.in_flight.front();
    wire.in_flight.pop_front();
    for (Station* s : stations) {
      if (s->address == p.path.destination) s->take(p);
    }
  }
}

TEST(SealedChannel, FirstContactCostsOneChallengeAndThenNone) {
  Wire wire;
  Station a(wire, 1);
  Station b(wire, 2);
  a.send(b.address, "one");
  a.send(b.address, "two");
  EXPECT_TRUE(b.got.empty());
  run(wire, {&a, &b});
  EXPECT_EQ(b.got, (std::vector<std::string>{"one", "two"}));
  a.send(b.address, "three");
  run(wire, {&a, &b});
  EXPECT_EQ(b.got.size(), 3u);
  EXPECT_EQ(b.counters().challenges_sent, 1u);
  EXPECT_EQ(a.counters().responses_sent, 1u);
  EXPECT_EQ(b.channel->proven_sessions(), 1u);
  EXPECT_EQ(b.channel->unproven_sessions(), 0u);
}

TEST(SealedChannel, ReplayToTheSameNodeIsRefused) {
  Wire wire;
  Station a(wire, 1);
  Station b(wire, 2);
  a.send(b.address, "one");
  run(wire, {&a, &b});
  for (const Packet& p : std::vector<Packet>(wire.recorded)) {
    if (p.path.destination == b.address) b.take(p);
  }
  EXPECT_EQ(b.got.size(), 1u);
  EXPECT_EQ(b.counters().replayed, 2u);  // the datagram and the response
}

// A whole recorded conversation, played to the receiver's next life: nothing comes of it.
TEST(SealedChannel, RecordedSessionIsNotTakenByARestartedNode) {
  Wire wire;
  auto dead = std::make_unique<Station>(wire, 1);
  Station old_life(wire, 2);
  dead->send(old_life.address, "one");
  run(wire, {dead.get(), &old_life});
  ASSERT_EQ(old_life.got.size(), 1u);
  dead.reset();

  Station new_life(wire, 2, "test", {}, 1);
  for (const Packet& p : std::vector<Packet>(wire.recorded)) {
    if (p.path.destination == new_life.address) new_life.take(p);
  }
  run(wire, {&new_life});
  EXPECT_TRUE(new_life.got.empty());
  EXPECT_EQ(new_life.counters().stale_response, 1u);
  new_life.now += 4 * kSecond;
  new_life.channel->expire(new_life.now);
  EXPECT_EQ(new_life.counters().unproven, 1u);
  EXPECT_EQ(new_life.channel->unproven_sessions(), 0u);
}

// The sender lives and answers the challenge that its own old recording provokes; the old
// datagram is refused all the same.
TEST(SealedChannel, OldDatagramOfALivingSessionIsRefusedAtFirstContact) {
  Wire wire;
  Station a(wire, 1);
  Station first(wire, 2);
  a.send(first.address, "old");
  const Packet recording = wire.recorded.back();
  run(wire, {&a, &first});
  for (int step = 0; step < 2; ++step) {
    a.now += SealedChannel::kFloorStep;
    a.channel->expire(a.now);
  }
  Station second(wire, 2, "test", {}, 1);
  second.take(recording);
  run(wire, {&a, &second});
  EXPECT_TRUE(second.got.empty());
  EXPECT_EQ(second.counters().replayed, 1u);
  EXPECT_EQ(second.channel->proven_sessions(), 1u);
  a.send(second.address, "new");
  run(wire, {&a, &second});
  EXPECT_EQ(second.got, (std::vector<std::string>{"new"}));
}

TEST(SealedChannel, DatagramForAnotherNodeDoesNotOpen) {
  Wire wire;
  Station a(wire, 1);
  Station b(wire, 2);
  Station c(wire, 3);
  a.send(c.address, "hello");
  run(wire, {&a, &b, &c});
  a.send(b.address, "for b");
  Packet p = wire.recorded.back();
  p.path.destination = c.address;
  c.take(p);
  EXPECT_EQ(c.got.size(), 1u);
  EXPECT_EQ(c.counters().forged, 1u);
}

TEST(SealedChannel, ForeignFlocksForgeriesAndNoiseAreCountedApart) {
  Wire wire;
  Station a(wire, 1);
  Station b(wire, 2);
  Station stranger(wire, 3, "other");
  stranger.send(b.address, "hello");
  a.send(b.address, "good");
  Packet forged = wire.recorded.back();
  forged.bytes.back() ^= 1;
  b.take(wire.recorded[0]);
  b.take(forged);
  b.take({forged.path, std::vector<std::uint8_t>(5)});
  b.take({forged.path, std::vector<std::uint8_t>(2000)});
  EXPECT_EQ(b.counters().foreign_flock, 1u);
  EXPECT_EQ(b.counters().forged, 1u);
  EXPECT_EQ(b.counters().malformed, 2u);
  EXPECT_EQ(b.counters().delivered, 0u);
  EXPECT_EQ(b.channel->unproven_sessions(), 0u);  // neither leaves anything behind
}

TEST(SealedChannel, UnprovenSessionsAreBoundedAndNeverPushOutProvenOnes) {
  SealedChannel::Limits limits;
  limits.unproven = 4;
  limits.held = 6;
  Wire wire;
  Station b(wire, 2, "test", limits);
  Station friend_(wire, 1);
  friend_.send(b.address, "hello");
  run(wire, {&b, &friend_});
  for (std::uint8_t n = 10; n < 60; ++n) {
    Station silent(wire, n);
    for (int i = 0; i < 5; ++i) {
      silent.send(b.address, "x");
      b.take(wire.recorded.back());
      ASSERT_LE(b.channel->unproven_sessions(), 4u);
    }
  }
  EXPECT_GT(b.counters().unproven, 0u);
  EXPECT_GT(b.counters().rate_limited, 0u);
  EXPECT_EQ(b.channel->proven_sessions(), 1u);
  wire.in_flight.clear();
  friend_.send(b.address, "still here");
  run(wire, {&b, &friend_});
  EXPECT_EQ(b.got.size(), 2u);
}

TEST(SealedChannel, KeyDerivationIsRateLimitedForStrangersOnly) {
  SealedChannel::Limits limits;
  limits.derivations_per_second = 40;
  Wire wire;
  Station a(wire, 1);
  Station b(wire, 2, "test", limits);
  a.send(b.address, "hello");
  run(wire, {&a, &b});
  a.send(b.address, "again");
  Packet flood = wire.recorded.back();
  wire.in_flight.clear();
  for (int i = 0; i < 100; ++i) {
    flood.bytes[12 + 8] = static_cast<std::uint8_t>(i);
    flood.bytes[12 + 9] = 1;
    b.take(flood);
  }
  EXPECT_GE(b.counters().rate_limited, 90u);
  a.send(b.address, "known");
  run(wire, {&a, &b});
  EXPECT_EQ(b.got.back(), "known");
}

TEST(SealedChannel, ProvenSessionsAreBoundedByForgettingTheLongestSilent) {
  SealedChannel::Limits limits;
  limits.sessions = 2;
  Wire wire;
  Station b(wire, 9, "test", limits);
  Station a1(wire, 1);
  Station a2(wire, 2);
  Station a3(wire, 3);
  for (Station* s : {&a1, &a2, &a3}) {
    s->send(b.address, "hi");
    run(wire, {&a1, &a2, &a3, &b});
  }
  EXPECT_EQ(b.channel->proven_sessions(), 2u);
  a1.send(b.address, "again");  // forgotten, proves itself again
  run(wire, {&a1, &a2, &a3, &b});
  EXPECT_EQ(b.got.size(), 4u);
}

TEST(SealedChannel, LostChallengeIsRepeatedWithTheNextDatagram) {
  Wire wire;
  Station a(wire, 1);
  Station b(wire, 2);
  a.send(b.address, "one");
  b.take(wire.in_flight.front());
  wire.in_flight.clear();  // the challenge is lost
  b.now += 300 * kMillisecond;
  a.send(b.address, "two");
  run(wire, {&a, &b});
  EXPECT_EQ(b.got.size(), 2u);
}

TEST(SealedChannel, OwnMulticastLoopedBackIsIgnored) {
  Wire wire;
  Station a(wire, 1);
  a.send(a.address, "echo");
  run(wire, {&a});
  EXPECT_TRUE(a.got.empty());
  EXPECT_EQ(a.counters().own, 1u);
}

}  // namespace
}  // namespace starling
