// SPDX-License-Identifier: GPL-2.0-or-later
// One Member against hand-made datagrams: the rules that matter, and hostile input.
#include "agents/membership/member.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "agents/membership/news.h"
#include "agents/membership/wire.pb.h"
#include "tests/sim/network.h"

namespace starling::membership {
namespace {

using namespace std::chrono_literals;

struct Sent {
  Address to;
  wire::Datagram datagram;
  size_t size;
};

class Bench : public Environment, public Observer {
 public:
  Time now() override { return clock; }
  uint64_t random() override { return rng.next(); }
  void send(const Address& to, std::span<const uint8_t> bytes) override {
    Sent item{to, {}, bytes.size()};
    ASSERT_TRUE(item.datagram.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    EXPECT_LE(bytes.size(), kMaxDatagram);
    sent.push_back(item);
  }
  void multicast(std::span<const uint8_t> bytes) override {
    EXPECT_LE(bytes.size(), kMaxDatagram);
    ++multicasts;
  }
  void on_event(const Event& event) override { events.push_back(event); }
  size_t count(EventKind kind, uint64_t uid) const {
    size_t n = 0;
    for (const Event& event : events) n += event.kind == kind && event.uid == uid;
    return n;
  }

  Time clock{5s};
  sim::Random rng{9};
  std::vector<Sent> sent;
  std::vector<Event> events;
  int multicasts = 0;
};

class MemberTest : public testing::Test {
 protected:
  MemberTest() {
    options.uid = 1000;
    options.machine = 77;
    options.port = 7777;
    member = std::make_unique<Member>(options, bench, &bench);
    member->start();
  }
  static Address address(uint64_t uid) { return {kLinkLocalPrefix, uid, 3, 7777}; }
  wire::Datagram from(uint64_t uid) {
    wire::Datagram d;
    d.set_version(1);
    d.set_uid(uid);
    d.set_sequence(++sequence);
    return d;
  }
  void deliver(const wire::Datagram& d, uint64_t uid) {
    const std::string bytes = d.SerializeAsString();
    member->receive(address(uid), {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()},
                    bench.clock);
  }
  void hello(uint64_t uid) { deliver(from(uid), uid); }
  static void tell(wire::Datagram& d, NewsKind kind, uint64_t uid, uint64_t who, uint32_t age_ms,
                   uint32_t incarnation = 0) {
    d.add_news_kind(static_cast<uint32_t>(kind));
    d.add_news_uid(uid);
    d.add_news_who(who);
    d.add_news_sequence(0);
    d.add_news_incarnation(incarnation);
    d.add_news_age(age_ms);
    d.add_news_number(0);
    d.add_news_tenure(0);
  }
  void run(Time duration) {
    const Time end = bench.clock + duration;
    while (member->next_deadline() <= end) {
      bench.clock = std::max(bench.clock, member->next_deadline());
      member->tick();
    }
    bench.clock = end;
  }
  // Nodes 100, 101, ... known from a third party.
  void preload(uint64_t count, bool numbered = false) {
    for (uint64_t uid = 100; uid < 100 + count; ++uid) {
      BoardEntry entry;
      entry.uid = uid;
      if (numbered) entry.number = static_cast<uint16_t>(uid - 99);
      entry.address = address(uid);
      member->preload(entry, 10ms);
    }
  }
  State state(uint64_t uid) { return member->find(uid).value().state; }

  Options options;
  Bench bench;
  std::unique_ptr<Member> member;
  uint32_t sequence = 0;
};

TEST(MemberOptions, AreChecked) {
  Bench bench;
  Options options;
  EXPECT_THROW(Member(options, bench), std::invalid_argument);
  options.uid = 1;
  EXPECT_THROW(Member(options, bench), std::invalid_argument);
  options.machine = 1;
  EXPECT_NO_THROW(Member(options, bench));
  options.period = 1ms;
  EXPECT_THROW(Member(options, bench), std::invalid_argument);
}

TEST_F(MemberTest, AloneItTakesNumberOne) {
  run(3s);
  EXPECT_EQ(member->number(), 1);
  EXPECT_EQ(member->alive(), 1U);
  EXPECT_GE(bench.multicasts, 3);
  EXPECT_TRUE(bench.sent.empty()) << "nobody to talk to";
}

TEST_F(MemberTest, APingIsAnsweredToItsSourceWithItsToken) {
  auto d = from(5);
  d.set_ping(1234);
  deliver(d, 5);
  ASSERT_EQ(bench.sent.size(), 1U);
  EXPECT_EQ(bench.sent[0].to, address(5));
  EXPECT_EQ(bench.sent[0].datagram.ack(), 1234U);
  EXPECT_EQ(bench.count(EventKind::kJoined, 5), 1U);
  EXPECT_EQ(member->alive(), 2U);
}

TEST_F(MemberTest, GarbageIsCountedAndDropped) {
  sim::Random random(4);
  for (int i = 0; i < 2000; ++i) {
    std::vector<uint8_t> bytes(random.below(1300));
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(random.next());
    member->receive(address(9), bytes, bench.clock);
  }
  EXPECT_EQ(member->counters().malformed, 2000U);
  EXPECT_EQ(member->alive(), 1U);
}

TEST_F(MemberTest, RaggedColumnsWrongVersionsAndLongDatagramsAreMalformed) {
  auto ragged = from(5);
  ragged.add_row_uid(7);
  deliver(ragged, 5);
  auto version = from(5);
  version.set_version(2);
  deliver(version, 5);
  auto nobody = from(5);
  nobody.set_uid(0);
  deliver(nobody, 5);
  auto hashes = from(5);
  hashes.set_sync_token(1);
  for (int i = 0; i < 7; ++i) hashes.add_sync_hash(1);
  deliver(hashes, 5);
  auto big = from(5);
  for (int i = 0; i < 200; ++i) big.add_want(i + 1);
  deliver(big, 5);
  EXPECT_EQ(member->counters().malformed, 5U);
  deliver(from(1000), 5);
  EXPECT_EQ(member->counters().own_echo, 1U);
  EXPECT_EQ(member->alive(), 1U);
}

TEST_F(MemberTest, ASilentNodeIsSuspectedThenDeadWithinTwoSeconds) {
  hello(5);
  const Time begin = bench.clock;
  while (state(5) != State::kDead && bench.clock < begin + 5s) run(10ms);
  EXPECT_LT(bench.clock - begin, 2s);
  EXPECT_GT(bench.clock - begin, 1s);
  EXPECT_EQ(bench.count(EventKind::kSuspected, 5), 1U);
  EXPECT_EQ(bench.count(EventKind::kDead, 5), 1U);
}

TEST_F(MemberTest, OneWordLiftsASuspicion) {
  hello(5);
  while (state(5) == State::kAlive) run(10ms);
  ASSERT_EQ(state(5), State::kSuspect);
  run(100ms);
  hello(5);
  EXPECT_EQ(state(5), State::kAlive);
  EXPECT_EQ(bench.count(EventKind::kRefuted, 5), 1U);
}

TEST_F(MemberTest, HavingBeenStoppedItBlamesItselfAndNotOthers) {
  hello(5);
  run(300ms);
  bench.clock += 30s;  // SIGSTOP
  member->tick();
  EXPECT_NE(state(5), State::kDead);
  hello(5);
  run(100ms);
  EXPECT_EQ(state(5), State::kAlive);
  EXPECT_EQ(member->counters().late_ticks, 1U);
}

TEST_F(MemberTest, RefutesItsOwnDeathWithAHigherIncarnation) {
  hello(5);
  run(50ms);
  bench.sent.clear();
  auto d = from(5);
  tell(d, NewsKind::kDead, 1000, 5, 0, 4);
  deliver(d, 5);
  ASSERT_FALSE(bench.sent.empty());
  EXPECT_EQ(bench.sent[0].to, address(5));
  EXPECT_EQ(bench.sent[0].datagram.incarnation(), 5U);
  EXPECT_EQ(member->counters().refutations, 1U);
}

TEST_F(MemberTest, NewsOfADeathCountsOnlyFromAKnownAccuserAndAfterTheLastSignOfLife) {
  hello(5);
  hello(6);
  run(30ms);
  auto early = from(6);
  tell(early, NewsKind::kDead, 5, 6, 5000);
  deliver(early, 6);
  EXPECT_EQ(state(5), State::kAlive) << "older than what we saw of it";
  auto stranger = from(6);
  tell(stranger, NewsKind::kDead, 5, 4242, 0);
  deliver(stranger, 6);
  EXPECT_EQ(state(5), State::kAlive) << "raised by nobody we know";
  auto fresh = from(6);
  tell(fresh, NewsKind::kDead, 5, 6, 0);
  deliver(fresh, 6);
  EXPECT_EQ(state(5), State::kDead);
}

TEST_F(MemberTest, AVerdictStillCountsAfterManyWeeks) {
  hello(5);
  hello(6);
  run(30ms);
  for (int hours = 0; hours < 30 * 24; ++hours) {
    bench.clock += 1h;
    member->tick();
    hello(5);
    hello(6);
  }
  ASSERT_EQ(state(5), State::kAlive);
  EXPECT_EQ(member->counters().deaths_declared, 0U);
  run(30ms);
  auto fresh = from(6);
  tell(fresh, NewsKind::kDead, 5, 6, 0);
  deliver(fresh, 6);
  EXPECT_EQ(state(5), State::kDead);
}

TEST_F(MemberTest, InABigFlockFourQuestionsGoUnansweredBeforeASuspicion) {
  preload(30);
  const Time begin = bench.clock;
  while (bench.events.empty() || bench.events.back().kind != EventKind::kSuspected) {
    ASSERT_LT(bench.clock, begin + 5s);
    run(1ms);
  }
  EXPECT_GT(bench.clock - begin, 600ms);
  const uint64_t suspect = bench.events.back().uid;
  size_t asked = 0;
  for (const Sent& s : bench.sent) asked += s.to == address(suspect) && s.datagram.ping() != 0;
  EXPECT_GE(asked, 4U);
}

TEST_F(MemberTest, InABigFlockAVerdictIsFollowedUnlessManyAreOnTrial) {
  preload(60);
  hello(5);
  run(30ms);
  auto one = from(5);
  tell(one, NewsKind::kDead, 120, 5, 0);
  deliver(one, 5);
  EXPECT_EQ(state(120), State::kDead) << "one death is news";

  auto cut = from(5);
  for (uint64_t uid = 100; uid < 110; ++uid) tell(cut, NewsKind::kSuspect, uid, 5, 0);
  deliver(cut, 5);
  auto verdicts = from(5);
  tell(verdicts, NewsKind::kDead, 100, 5, 0);
  tell(verdicts, NewsKind::kDead, 130, 5, 0);
  deliver(verdicts, 5);
  EXPECT_EQ(state(100), State::kSuspect) << "on trial here already";
  EXPECT_EQ(state(130), State::kSuspect) << "put on trial";
  EXPECT_EQ(member->counters().deaths_doubted, 2U);
  // Those who answer live on, the silent one is found dead by ourselves.
  const Time begin = bench.clock;
  while (state(100) != State::kDead && bench.clock < begin + 10s) {
    run(50ms);
    hello(130);
  }
  EXPECT_EQ(state(100), State::kDead);
  EXPECT_EQ(state(130), State::kAlive);
}

// A roll that holds nodes 100 .. 100 + count - 1, numbered from 1 on, alive.
std::string roll_of(uint64_t count, uint16_t error = 0) {
  std::string roll;
  for (uint64_t block = 0; block <= count / 32; ++block) {
    uint32_t bits = 0;
    uint16_t check = error;
    for (uint64_t number = std::max<uint64_t>(1, block * 32);
         number < block * 32 + 32 && number <= count; ++number) {
      bits |= 1U << (number % 32);
      check = static_cast<uint16_t>(check + (mix(99 + number) >> 16));
    }
    for (int shift = 0; shift < 32; shift += 8) roll.push_back(static_cast<char>(bits >> shift));
    roll.push_back(static_cast<char>(check));
    roll.push_back(static_cast<char>(check >> 8));
  }
  return roll;
}

TEST_F(MemberTest, ARollIsGivenToWhoAsksForIt) {
  preload(60, true);
  auto ask = from(130);
  ask.set_number(31);
  ask.set_want_roll(true);
  deliver(ask, 130);
  std::string roll;
  for (const Sent& s : bench.sent) {
    if (s.to == address(130)) roll += s.datagram.roll();
  }
  EXPECT_EQ(roll, roll_of(60));
}

TEST_F(MemberTest, WhoComesBackAfterACutSpeaksForAllOfItsSideByRoll) {
  preload(60, true);
  hello(5);
  run(30ms);
  const auto accuse_thirty = [&] {
    auto cut = from(5);
    for (uint64_t uid = 100; uid < 130; ++uid) tell(cut, NewsKind::kSuspect, uid, 5, 0);
    deliver(cut, 5);
    for (uint64_t uid = 100; uid < 130; ++uid) ASSERT_EQ(state(uid), State::kSuspect);
  };
  const auto give = [&](uint64_t uid, const std::string& bytes) {
    auto d = from(uid);
    if (uid >= 100) d.set_number(static_cast<uint32_t>(uid - 99));
    d.set_roll(bytes);
    deliver(d, uid);
  };
  accuse_thirty();
  bench.clock += 30ms;
  give(5, roll_of(60));
  EXPECT_EQ(state(101), State::kSuspect) << "5 was with us all the time";
  bench.sent.clear();
  auto word = from(100);
  word.set_number(1);
  deliver(word, 100);
  EXPECT_EQ(state(100), State::kAlive);
  size_t asked = 0;
  for (const Sent& s : bench.sent) asked += s.to == address(100) && s.datagram.want_roll();
  EXPECT_EQ(asked, 1U) << "who comes back while many are lost is asked at once";
  give(100, roll_of(60, 1));
  EXPECT_EQ(state(101), State::kSuspect) << "other nodes than those we know by these numbers";
  give(100, roll_of(20));
  EXPECT_EQ(state(119), State::kAlive);
  EXPECT_EQ(state(120), State::kSuspect) << "not on the roll";
  give(100, roll_of(60));
  for (uint64_t uid = 100; uid < 130; ++uid) EXPECT_EQ(state(uid), State::kAlive);
  EXPECT_EQ(member->counters().roll_revivals, 29U);
  // What was said of anybody before the mending proves nothing.
  auto stale = from(5);
  tell(stale, NewsKind::kDead, 140, 5, 35);
  deliver(stale, 5);
  EXPECT_EQ(state(140), State::kAlive);
  // Whoever is accused from now on is not lifted by it.
  bench.clock += 30ms;
  auto later = from(5);
  tell(later, NewsKind::kSuspect, 110, 5, 0);
  deliver(later, 5);
  give(100, roll_of(60));
  EXPECT_EQ(state(110), State::kSuspect);
}

TEST_F(MemberTest, RaggedRollsAreMalformed) {
  auto d = from(5);
  d.set_roll("12345");
  deliver(d, 5);
  auto far = from(5);
  far.set_roll_first(kMaxNodes + 1);
  deliver(far, 5);
  EXPECT_EQ(member->counters().malformed, 2U);
}

TEST_F(MemberTest, AGoodbyeIsFinalForThisSessionAndNotADeath) {
  hello(5);
  const auto old = from(5);  // on its way, overtaken by the goodbye
  run(30ms);
  for (int i = 0; i < 3; ++i) {
    auto bye = from(5);
    tell(bye, NewsKind::kLeft, 5, 5, 0);
    deliver(bye, 5);
  }
  deliver(old, 5);
  EXPECT_EQ(state(5), State::kLeft);
  EXPECT_EQ(bench.count(EventKind::kLeft, 5), 1U);
  EXPECT_EQ(bench.count(EventKind::kDead, 5), 0U);
  EXPECT_EQ(member->alive(), 1U);
}

TEST_F(MemberTest, ANewSessionReplacesTheOldOneOfTheSameMachineAtOnce) {
  auto first = from(5);
  auto* d = first.add_description();
  d->set_uid(5);
  d->set_machine(55);
  deliver(first, 5);
  auto second = from(6);
  second.set_machine(55);
  second.set_ping(3);
  run(30ms);
  bench.sent.clear();
  deliver(second, 6);
  EXPECT_EQ(state(5), State::kLeft);
  EXPECT_EQ(bench.count(EventKind::kReplaced, 5), 1U);
  ASSERT_FALSE(bench.sent.empty());
  EXPECT_EQ(bench.sent[0].datagram.your_previous_uid(), 5U);
}

TEST_F(MemberTest, ADeadNodesNumberStaysReservedForIt) {
  auto d = from(5);
  d.set_number(1);
  deliver(d, 5);
  auto dead = from(6);
  run(30ms);
  tell(dead, NewsKind::kDead, 5, 6, 0);
  hello(6);
  deliver(dead, 6);
  ASSERT_EQ(state(5), State::kDead);
  // Node 6 never claims; by rank it may be given room for (uid 6 is lower than ours).
  for (int i = 0; i < 60; ++i) {
    run(100ms);
    hello(6);
  }
  EXPECT_EQ(member->number(), 3) << "1 reserved for the dead, 2 left to the lower unnumbered uid";
}

TEST_F(MemberTest, LeavingSaysGoodbyeThreeTimesAndThenNothing) {
  hello(5);
  bench.sent.clear();
  bench.multicasts = 0;
  member->leave();
  run(200ms);
  EXPECT_TRUE(member->gone());
  EXPECT_EQ(bench.multicasts, 3);
  EXPECT_EQ(bench.sent.size(), 3U);
  bench.sent.clear();
  auto ping = from(5);
  ping.set_ping(3);
  deliver(ping, 5);
  run(5s);
  EXPECT_TRUE(bench.sent.empty());
  EXPECT_EQ(member->next_deadline(), Time::max());
}

TEST_F(MemberTest, MoreNodesThanThereIsRoomForAreRefused) {
  options.uid = 2000;
  options.max_nodes = 50;
  Member small(options, bench, nullptr);
  small.start();
  for (uint64_t uid = 10; uid < 500; ++uid) {
    const std::string bytes = from(uid).SerializeAsString();
    small.receive(address(uid), {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()},
                  bench.clock);
  }
  EXPECT_EQ(small.alive(), 50U);
  EXPECT_GT(small.counters().table_full, 0U);
}

TEST_F(MemberTest, TheBoardTellsLoadMemoryAndAge) {
  auto d = from(5);
  d.set_load(150);
  d.set_memory(250);
  auto* item = d.add_description();
  item->set_uid(5);
  item->set_machine(55);
  item->set_hostname("five");
  item->set_memory_total(8000);
  deliver(d, 5);
  bench.clock += 40ms;
  const BoardEntry entry = member->find(5).value();
  EXPECT_DOUBLE_EQ(entry.load, 1.5);
  EXPECT_EQ(entry.memory_free, 2000U);
  EXPECT_EQ(entry.hostname, "five");
  EXPECT_EQ(entry.age, 40ms);
  EXPECT_EQ(member->board().size(), 2U);
  EXPECT_TRUE(member->board()[0].self);
}

TEST_F(MemberTest, TheFreshestOfABigFlockAreWhatWasHeardLast) {
  for (uint64_t i = 0; i < 500; ++i) {
    BoardEntry entry;
    entry.uid = 10'000 + i;
    entry.address = Address{kLinkLocalPrefix, 10'000 + i, 1, 7777};
    member->preload(entry, 30s);
  }
  for (uint64_t uid = 20; uid < 40; ++uid) {
    bench.clock += 10ms;
    deliver(from(uid), uid);
  }
  deliver(from(25), 25);
  const std::vector<BoardEntry> freshest = member->freshest(8);
  ASSERT_EQ(freshest.size(), 8U);
  EXPECT_EQ(freshest[0].uid, 25U);
  EXPECT_EQ(freshest[1].uid, 39U);
  for (size_t i = 0; i < freshest.size(); ++i) {
    EXPECT_FALSE(freshest[i].self);
    EXPECT_LE(freshest[i].age, 80ms);
    for (size_t j = 0; j < i; ++j) EXPECT_NE(freshest[i].uid, freshest[j].uid);
  }
}

TEST_F(MemberTest, TheFreshestOfASmallFlockAreAll) {
  deliver(from(5), 5);
  deliver(from(6), 6);
  EXPECT_EQ(member->freshest(32).size(), 2U);
}

TEST_F(MemberTest, EveryDatagramOfABigFlockIsWithinTheBound) {
  for (uint64_t i = 0; i < 3000; ++i) {
    BoardEntry entry;
    entry.uid = 0x8000000000000000ULL + i * 0x123456789ULL;
    entry.sequence = 0xfffffff0U;
    entry.number = static_cast<uint16_t>(i + 1);
    entry.address = address(i + 1);
    member->preload(entry, 100ms);
  }
  auto ask = from(5);
  ask.set_sync_token(9);
  for (int i = 0; i < 128; ++i) ask.add_sync_hash(1);
  deliver(ask, 5);
  run(10s);                           // all of them fall silent: suspicions and deaths galore
  EXPECT_GT(bench.sent.size(), 50U);  // each is checked in Bench::send
}

// A broken key holder: valid messages with absurd contents.
TEST_F(MemberTest, AbsurdContentsDoNoHarm) {
  sim::Random random(6);
  for (int i = 0; i < 5000; ++i) {
    auto d = from(2 + random.below(40));
    d.set_sequence(static_cast<uint32_t>(random.next()));
    d.set_incarnation(static_cast<uint32_t>(random.next()));
    d.set_number(static_cast<uint32_t>(random.next()) >> random.below(32));
    d.set_tenure(static_cast<uint32_t>(random.next()));
    d.set_sync_token(random.below(3));
    d.set_sync_cursor(static_cast<uint32_t>(random.next()));
    d.set_sync_page(random.below(2) == 0);
    for (int k = 0; k < 8; ++k) d.add_sync_hash(0);
    d.set_want_roll(random.below(4) == 0);
    d.set_roll_first(random.below(kMaxNodes + 2));
    for (uint32_t k = 6 * random.below(20); k > 0; --k) {
      d.mutable_roll()->push_back(static_cast<char>(random.next()));
    }
    for (int k = 0; k < 10; ++k) {
      d.add_row_uid(random.below(60));
      d.add_row_sequence(static_cast<uint32_t>(random.next()));
      d.add_row_incarnation(static_cast<uint32_t>(random.next()));
      d.add_row_age(static_cast<uint32_t>(random.next()) >> random.below(32));
      d.add_row_load(static_cast<uint32_t>(random.next()));
      d.add_row_memory(static_cast<uint32_t>(random.next()));
      d.add_row_number(static_cast<uint32_t>(random.next()));
      d.add_row_tenure(static_cast<uint32_t>(random.next()));
      d.add_row_state(random.below(7));
      d.add_row_life_age(static_cast<uint32_t>(random.next()) >> random.below(32));
      d.add_row_lo(random.next());
      tell(d, static_cast<NewsKind>(random.below(7)), random.below(2) ? 1000 : random.below(60),
           random.below(60), random.below(30000), static_cast<uint32_t>(random.next()));
    }
    deliver(d, d.uid());
    if (i % 16 == 0) run(20ms);
  }
  EXPECT_LE(member->alive(), 62U);
  run(5s);
  EXPECT_EQ(state(1000), State::kAlive);
}

}  // namespace
}  // namespace starling::membership
