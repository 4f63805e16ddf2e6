// SPDX-License-Identifier: GPL-2.0-or-later
// The inside of a Member. One class, its parts by file: member.cc (life cycle and the board),
// probe.cc (failure detection), view.cc (what becomes of a statement about a node), gossip.cc
// (building datagrams), receive.cc (taking them apart), sync.cc (bulk repair), roll.cc (after a
// cut), numbers.cc.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include "agents/membership/description_pool.h"
#include "agents/membership/member.h"
#include "agents/membership/news.h"
#include "agents/membership/table.h"
#include "agents/membership/timing.h"

namespace starling::membership {

namespace wire {
class Datagram;
}

class Member::Impl {
 public:
  Impl(const Options& options, Environment& environment, Observer* observer);
  ~Impl();

  void start();
  void receive(const Address& from, std::span<const uint8_t> bytes, Time arrived_at);
  void tick();
  Time next_deadline() const;
  void publish(const LocalFacts& facts);
  void leave();
  bool gone() const { return leaving_ && farewells_ == 0; }
  uint64_t uid() const { return options_.uid; }
  uint16_t number() const { return table_[self_].number; }
  size_t alive() const { return alive_; }
  std::vector<BoardEntry> board(bool with_dead) const;
  std::vector<BoardEntry> freshest(size_t most) const;
  std::optional<BoardEntry> find(uint64_t uid) const;
  std::optional<BoardEntry> find_number(uint16_t number) const;
  const Counters& counters() const { return counters_; }
  size_t memory_use() const;
  void preload(const BoardEntry& entry, Time age);

 private:
  static constexpr size_t kBuckets = 128;
  static constexpr size_t kRollBlock = 6;  // bytes that tell of 32 numbers
  static constexpr size_t kMaxProbes = 64;
  // Of these at most so many are last questions, which after a cut wait by the thousand.
  static constexpr size_t kMaxVerify = kMaxProbes / 2;
  static constexpr size_t kRelays = 64;

  // The part of an address that few combinations of exist.
  struct Net {
    uint64_t hi;
    uint32_t scope;
    uint16_t port;
    friend bool operator==(const Net&, const Net&) = default;
  };
  struct Probe {
    uint64_t uid;
    Slot slot;
    uint8_t step;  // questions asked so far
    bool verify;   // failing it is a verdict, not a suspicion
    uint32_t token;
    Millis started;
    Millis next;  // when the next step is due
  };
  // A question asked on behalf of somebody else.
  struct Relay {
    uint32_t token = 0;
    uint32_t asked_token = 0;
    Address asker;
  };
  struct Trial {  // a suspicion that runs; deadline on the health clock
    Millis deadline;
    Millis raised;
    Slot slot;
    bool own;
    static bool later(const Trial& a, const Trial& b) { return since(a.deadline, b.deadline) > 0; }
  };
  struct Sync {
    bool active = false;
    bool all = false;  // whatever the hashes say
    uint64_t peer = 0;
    uint32_t token = 0;
    uint32_t cursor = 0;
    uint32_t changes = 0;
    uint32_t pages = 0;
    uint32_t doubts = 0;  // rows about nodes we hold dead, undecided
    uint8_t retries = 0;
    Millis deadline = 0;
  };
  // One statement about a node, from the board, a sync page or the node itself.
  struct Row {
    uint64_t uid = 0;
    uint64_t lo = 0;
    uint64_t hi = kLinkLocalPrefix;
    uint32_t sequence = 0;
    uint32_t incarnation = 0;
    Millis origin = 0;
    Millis life = 0;  // of a dead node: time of the verdict
    uint16_t load = 0;
    uint16_t memory = 0;
    uint16_t number = 0;
    uint16_t port = 0;
    uint8_t tenure = 0;
    State state = State::kAlive;
  };

  // Time.
  Millis millis(Time t) const;
  Time time_of(Millis at) const;  // the nearest Time to now_ with that value
  Millis health_now() const { return now_ - paused_; }
  double uniform() { return static_cast<double>(env_.random() >> 11) * 0x1p-53; }
  uint32_t random_below(uint32_t bound) {
    return bound == 0 ? 0 : static_cast<uint32_t>((env_.random() >> 32) * bound >> 32);
  }
  uint32_t next_token();

  // So many are lost or on trial that it takes a cut wire to explain it: what is said about them by
  // others proves little, and questions to all of them are too many.
  bool cut() const {
    return alive_ > kSmallFlock && dead_.size() + suspects_ > many_trials(alive_);
  }
  bool many_suspects() const { return alive_ > kSmallFlock && suspects_ > many_trials(alive_); }

  // member.cc
  void move_old_times_along();

  // view.cc
  uint8_t net_of(uint64_t hi, uint32_t scope, uint16_t port);
  Address address_of(const Node& node) const;
  void note(EventKind kind, const Node& node);
  void digest_flip(uint64_t uid);
  Slot add(const Row& row, const Address& via, bool tell);
  void take_figures(Slot slot, const Row& row);
  void revive(Slot slot, Millis life, uint32_t incarnation);
  void grant_amnesty();
  void accuse(Slot slot, Millis raised, bool own);
  void bury(Slot slot, State state, Millis raised, bool replaced);
  void forget(Slot slot);
  Slot contact(const Address& from, const wire::Datagram& in, Millis arrived);
  void merge_window_row(const Row& row);
  void merge_sync_row(const Row& row, const Node& peer, const Address& via);
  void take_news(const wire::Datagram& in, const Address& via, Millis arrived);
  void hear_about_self(NewsKind kind, uint32_t incarnation, Millis raised, const Address& via);
  void hear(const News& news, const Row& row, const Address& via);
  void sweep();
  Slot random_live();
  void tell(NewsKind kind, const Node& node, Millis raised, uint64_t accuser);

  // probe.cc
  void probe_round();
  Slot next_target();
  void start_probe(Slot slot, bool verify, bool with_window);
  void step_probe(Probe& probe);
  void run_probes();
  void drop_probes();
  void resolve_probes(uint64_t uid);
  void run_trials();
  void push_trial(const Trial& trial);
  // Whether trials that are over must wait for room among the probes.
  bool trials_wait() const { return alive_ > kSmallFlock && probes_.size() >= kMaxVerify; }
  void probe_a_dead();
  void relay_question(const wire::Datagram& in, const Address& from);
  void relay_answer(uint32_t token);
  int32_t patience(int32_t ms) const;

  // gossip.cc
  void refresh_self();
  void begin(wire::Datagram& out);
  void add_news(wire::Datagram& out, size_t count, Slot target);
  void add_window(wire::Datagram& out);
  void add_description(wire::Datagram& out, uint64_t uid, uint32_t handle);
  void ship(wire::Datagram& out, const Address& to);
  void beacon();
  void ping(const Address& to, Slot target, uint32_t token, bool with_window,
            bool with_news = true);
  void farewell();
  void push_fresh(Slot slot);
  void want_descriptions();

  // receive.cc
  bool sane(const wire::Datagram& in) const;
  void answer(const wire::Datagram& in, const Address& from, Slot sender);
  void answer_beacon(const wire::Datagram& in, const Address& from, Slot sender);
  void take_descriptions(const wire::Datagram& in);
  void give_descriptions(const wire::Datagram& in, const Address& to);
  void recognize(const wire::Datagram& in, Slot sender, wire::Datagram& out);

  // sync.cc
  void watch_digest(const wire::Datagram& in, Slot sender, Millis arrived);
  void start_sync(Slot peer, bool all);
  void ask_page();
  void run_sync();
  void finish_sync(bool complete);
  void serve_sync(const wire::Datagram& in, const Address& from);
  void take_page(const wire::Datagram& in, const Address& from, Slot sender, Millis arrived);
  static size_t bucket(uint64_t uid) { return mix(uid) >> 57; }

  bool spend_pages(uint32_t pages);

  // roll.cc
  void met_again(Slot slot);
  bool mending() const { return mending_ && since(now_, mending_until_) < 0; }
  void run_mending();
  void ask_roll(Slot slot);
  void give_roll(const Address& to);
  void take_roll(const wire::Datagram& in, Slot sender, Millis arrived);

  // numbers.cc
  void run_numbers();
  void claim_number();
  void set_number(uint16_t number);
  void check_number(const Node& other);

  Options options_;
  Environment& env_;
  Observer* observer_;
  std::shared_ptr<DescriptionPool> pool_;
  Time epoch_;
  Time clock_{};  // the Time of now_
  Millis now_ = 0;
  Millis paused_ = 0;  // how long this process did not run when it should have

  NodeTable table_;
  Slot self_ = kNoSlot;
  size_t alive_ = 0;  // suspects included
  size_t suspects_ = 0;
  uint64_t digest_ = 0;
  std::array<uint32_t, kBuckets> buckets_{};
  std::vector<Net> nets_;
  std::vector<Slot> dead_;
  std::vector<std::pair<Millis, Slot>> fresh_;
  NewsQueue news_;

  std::vector<Probe> probes_;
  std::vector<Trial> trials_;  // heap by deadline
  std::vector<Relay> relays_;
  uint32_t relay_at_ = 0;
  uint32_t token_ = 0;
  int32_t rtt_ms_ = 5;  // smoothed, of answers to first questions
  uint32_t round_at_ = 0, round_stride_ = 1, round_left_ = 0, round_size_ = 0;
  bool amnesty_given_ = false;
  Millis amnesty_at_ = 0;
  uint32_t health_ = 0;  // 0: well; grows with lateness, at most 8

  bool started_ = false;
  bool leaving_ = false;
  uint8_t farewells_ = 0;
  Millis started_at_ = 0;
  Millis next_period_ = 0;
  Millis next_farewell_ = 0;
  Millis next_beacon_ = 0;
  uint8_t early_beacons_ = 0;
  uint32_t beacons_heard_ = 0;  // decays each period

  // A young node once pulls everything from an elder: the reserved numbers of the dead do not
  // show in digests.
  bool wants_all_ = false;
  bool had_all_ = false;
  bool differs_ = false;
  Millis differs_since_ = 0;
  uint64_t differing_peer_ = 0;
  Millis differing_at_ = 0;
  uint64_t heal_peer_ = 0;
  Sync sync_;
  Millis sync_next_ = 0;
  int32_t sync_backoff_ms_ = 0;
  Millis pages_at_ = 0;
  uint32_t pages_credit_ = 0;

  bool mending_ = false;
  bool mended_ = false;  // not longer ago than news is believed
  Millis mending_since_ = 0;
  Millis mending_until_ = 0;
  Millis roll_asked_at_ = 0;
  Millis roll_helped_at_ = 0;
  uint64_t returned_ = 0;  // who came back last

  uint16_t wished_number_ = 0;
  Millis claim_after_ = 0;
  Millis number_since_ = 0;

  Millis moved_along_at_ = 0;
  uint32_t missing_descriptions_ = 0;
  uint32_t missing_at_ = 0;
  uint32_t sweep_at_ = 0;
  std::vector<News> picked_;

  Counters counters_;
};

}  // namespace starling::membership
