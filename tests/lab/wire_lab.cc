// SPDX-License-Identifier: GPL-2.0-or-later
// What an intruder or a neighbour on the same wire can do: nothing but be counted.
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <thread>

#include "agents/common/sealed_datagram.h"
#include "tests/lab/lab.h"
#include "tests/lab/wiretap.h"

namespace starling::lab {
namespace {

class WireLab : public Lab {
 protected:
  std::uint64_t sum(const std::string& group, const std::string& name) {
    std::uint64_t n = 0;
    for (LabNode* node : running()) n += node->counter(group, name);
    return n;
  }
  void expect_peace() {
    EXPECT_TRUE(all_agree());
    EXPECT_EQ(sum("member", "deaths_declared"), 0u);
    EXPECT_EQ(sum("member", "malformed"), 0u);
  }
};

TEST_F(WireLab, ForeignFlockIsIgnoredAndCounted) {
  grow(3);
  if (HasFatalFailure()) return;
  LabNode& stranger = add_node("other");
  stranger.start();
  ASSERT_GE(until(10 * kSecond, [&] { return stranger.number() == 1; }), 0);
  ASSERT_GE(until(10 * kSecond,
                  [&] {
                    return node(0).counter("channel", "foreign_flock") > 0 &&
                           stranger.counter("channel", "foreign_flock") > 0;
                  }),
            0);
  EXPECT_EQ(stranger.numbers().size(), 1u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(node(i).numbers().size(), 3u);
    EXPECT_EQ(node(i).counter("channel", "forged"), 0u);
  }
}

TEST_F(WireLab, ReplayedAndForgedDatagramsAreRefused) {
  grow(4);
  if (HasFatalFailure()) return;
  NetNs intruder("intruder");
  plug_in(intruder);
  Wiretap tap(intruder, "lan0");
  const std::vector<Frame> heard = tap.record(2 * kSecond);
  ASSERT_GT(heard.size(), 20u);
  std::size_t longest = 0;
  double bytes = 0;
  for (const Frame& f : heard) {
    longest = std::max(longest, f.size() - kPayloadAt);
    bytes += static_cast<double>(f.size() - kPayloadAt);
  }
  std::printf("[ measured ] %zu datagrams of 4 nodes in 2 s, %.0f bytes on average, longest %zu\n",
              heard.size(), bytes / static_cast<double>(heard.size()), longest);
  EXPECT_LE(longest, kMaxDatagram);

  std::uint64_t before = sum("channel", "replayed");
  for (const Frame& f : heard) tap.send(f);
  // Every frame reaches the node it was for; a multicast one reaches three.
  EXPECT_GE(until(5 * kSecond, [&] { return sum("channel", "replayed") >= before + heard.size(); }),
            0)
      << sum("channel", "replayed") - before << " of " << heard.size();
  expect_peace();

  before = sum("channel", "forged");
  std::mt19937 random(7);
  for (Frame f : heard) {
    // Anywhere behind version, kind and tag: session, counter, content, seal.
    f[kPayloadAt + 12 + random() % (f.size() - kPayloadAt - 12)] ^= 0x40;
    fix_checksum(f);
    tap.send(f);
  }
  EXPECT_GE(until(5 * kSecond, [&] { return sum("channel", "forged") >= before + heard.size(); }),
            0)
      << sum("channel", "forged") - before << " of " << heard.size();
  expect_peace();
}

// What was recorded while a node lived is played after its death, and to a node that was started
// again and has never heard of it.
TEST_F(WireLab, RecordingsRaiseNoDead) {
  grow(4);
  if (HasFatalFailure()) return;
  NetNs intruder("intruder");
  plug_in(intruder);
  Wiretap tap(intruder, "lan0");
  const std::vector<Frame> heard = tap.record(3 * kSecond);
  const int dead = node(3).number();
  node(3).kill();
  ASSERT_GE(until(10 * kSecond, [&] { return node(0).numbers("dead").size() == 1; }), 0);
  node(2).terminate();
  node(2).start();
  const TimeNs end = monotonic_ns() + 5 * kSecond;
  while (monotonic_ns() < end) {
    for (const Frame& f : heard) tap.send(f);
    usleep(200'000);
    for (LabNode* n : running()) {
      try {
        const auto alive = n->numbers();
        ASSERT_EQ(std::count(alive.begin(), alive.end(), dead), 0) << n->name();
      } catch (const std::runtime_error&) {
        // the restarted one is not up yet
      }
    }
  }
  ASSERT_GE(until(10 * kSecond, [&] { return all_agree(); }), 0);
  EXPECT_GT(node(2).counter("channel", "unproven") + node(2).counter("channel", "replayed"), 0u);
}

TEST_F(WireLab, FloodOfGarbageKillsNobody) {
  grow(4);
  if (HasFatalFailure()) return;
  NetNs intruder("intruder");
  plug_in(intruder);
  Wiretap tap(intruder, "lan0");
  const std::vector<Frame> heard = tap.record(kSecond);
  ASSERT_FALSE(heard.empty());
  // Three kinds: noise, the right tag with made-up sessions (costs a key derivation), and a known
  // session with made-up content.
  std::mt19937 random(11);
  std::vector<Frame> flood;
  for (int i = 0; i < 512; ++i) {
    std::vector<std::uint8_t> payload(60 + random() % 1100);
    for (auto& b : payload) b = static_cast<std::uint8_t>(random());
    const Frame& like = heard[random() % heard.size()];
    if (i % 4 != 0) std::memcpy(payload.data(), like.data() + kPayloadAt, 12);
    if (i % 4 == 1) std::memcpy(payload.data() + 12, like.data() + kPayloadAt + 12, 16);
    flood.push_back(with_payload(like, payload));
  }
  const TimeNs begin = monotonic_ns();
  std::uint64_t sent = 0;
  while (monotonic_ns() - begin < 8 * kSecond) {
    for (const Frame& f : flood) tap.send(f);
    sent += flood.size();
  }
  std::printf("[ measured ] flood of %.0f datagrams a second to each node\n",
              static_cast<double>(sent) / 8);
  ASSERT_GE(until(10 * kSecond, [&] { return all_agree(); }), 0);
  EXPECT_GT(sum("channel", "forged"), 0u);
  EXPECT_EQ(sum("member", "malformed"), 0u);
  EXPECT_EQ(sum("member", "deaths_declared"), 0u);
  std::printf("[ measured ] forged %llu, rate limited %llu, foreign %llu, suspicions %llu\n",
              static_cast<unsigned long long>(sum("channel", "forged")),
              static_cast<unsigned long long>(sum("channel", "rate_limited")),
              static_cast<unsigned long long>(sum("channel", "foreign_flock")),
              static_cast<unsigned long long>(sum("member", "suspicions_raised")));
}

}  // namespace
}  // namespace starling::lab
