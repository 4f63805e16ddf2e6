// SPDX-License-Identifier: GPL-2.0-or-later
// What becomes of a statement about a node. The rules themselves are in precedence.h.
#include <algorithm>

#include "agents/membership/member_impl.h"
#include "agents/membership/precedence.h"
#include "agents/membership/wire.pb.h"

namespace starling::membership {

namespace {
constexpr uint32_t kMaxIncarnation = 0xfffe;
constexpr size_t kSweepPerPeriod = 16;
constexpr uint32_t kMostDoubts = 32;  // questions to the dead per sync
constexpr size_t kMaxNets = 255;
// Tombstones outlive the reservation of their number by nothing; an unnumbered one is kept so
// that a wire cut for this long still heals by probing the dead.
constexpr int32_t kTombstoneMs = 30 * 60 * 1000;

uint16_t clip(uint32_t incarnation) {
  return static_cast<uint16_t>(std::min(incarnation, kMaxIncarnation));
}
}  // namespace

uint8_t Member::Impl::net_of(uint64_t hi, uint32_t scope, uint16_t port) {
  const Net net{hi, scope, port};
  const auto it = std::find(nets_.begin(), nets_.end(), net);
  if (it != nets_.end()) return static_cast<uint8_t>(it - nets_.begin());
  // Only a machine with hundreds of interfaces gets here; its oldest combination serves.
  if (nets_.size() >= kMaxNets) return 0;
  nets_.push_back(net);
  return static_cast<uint8_t>(nets_.size() - 1);
}

Address Member::Impl::address_of(const Node& node) const {
  const Net& net = nets_[node.net];
  return Address{net.hi, node.lo, net.scope, net.port};
}

void Member::Impl::note(EventKind kind, const Node& node) {
  if (observer_) observer_->on_event(Event{kind, node.uid, node.number, clock_});
}

void Member::Impl::digest_flip(uint64_t uid) {
  const uint64_t mark = mix(uid);
  digest_ ^= mark;
  buckets_[bucket(uid)] ^= static_cast<uint32_t>(mark);
}

void Member::Impl::tell(NewsKind kind, const Node& node, Millis raised, uint64_t accuser) {
  news_.add(News{node.uid, accuser, raised, node.incarnation, kind, 0});
}

void Member::Impl::push_fresh(Slot slot) {
  fresh_.emplace_back(table_[slot].origin, slot);
}

Slot Member::Impl::add(const Row& row, const Address& via, bool spread) {
  Slot slot = table_.insert(row.uid);
  if (slot == kNoSlot && !dead_.empty()) {  // the living take the room of the dead
    forget(dead_[random_below(static_cast<uint32_t>(dead_.size()))]);
    slot = table_.insert(row.uid);
  }
  if (slot == kNoSlot) {
    ++counters_.table_full;
    return kNoSlot;
  }
  Node& node = table_[slot];
  node.lo = row.lo;
  node.net = net_of(row.hi, via.scope, row.port != 0 ? row.port : options_.port);
  node.sequence = row.sequence - 1;  // so that take_figures finds the row newer
  node.since = now_;
  node.origin = row.origin;
  node.life = row.life;
  node.state = State::kAlive;
  ++alive_;
  ++missing_descriptions_;
  digest_flip(row.uid);
  take_figures(slot, row);
  note(EventKind::kJoined, table_[slot]);
  if (spread) tell(NewsKind::kAlive, table_[slot], row.life, 0);
  return slot;
}

// Takes over what is newer; does not judge life and death.
void Member::Impl::take_figures(Slot slot, const Row& row) {
  Node& node = table_[slot];
  if (since(row.life, node.life) > 0) node.life = row.life;
  if (static_cast<int32_t>(row.sequence - node.sequence) <= 0) return;
  ++counters_.rows_newer;
  node.sequence = row.sequence;
  node.origin = row.origin;
  node.load = row.load;
  if (node.live()) node.memory = row.memory;
  if (row.incarnation > node.incarnation) node.incarnation = clip(row.incarnation);
  node.tenure = row.tenure;
  if (node.number != row.number) {
    node.number = row.number;
    if (node.live()) note(EventKind::kNumberChanged, node);
  }
  if (!node.live()) return;
  push_fresh(slot);
  if (node.number != 0 && node.number == table_[self_].number) check_number(node);
}

// Lifts a suspicion or a verdict.
void Member::Impl::revive(Slot slot, Millis life, uint32_t incarnation) {
  Node& node = table_[slot];
  if (since(life, node.life) > 0) node.life = life;
  node.incarnation = std::max(node.incarnation, clip(incarnation));
  if (node.state == State::kSuspect) {
    node.state = State::kAlive;
    node.since = now_;
    --suspects_;
    note(EventKind::kRefuted, node);
    if (const News* news = news_.find(node.uid); news && news->kind != NewsKind::kAlive) {
      news_.drop(node.uid);
    }
    return;
  }
  if (node.live()) return;
  const Slot last = dead_.back();
  dead_[node.memory] = last;
  table_[last].memory = node.memory;
  dead_.pop_back();
  node.memory = 0;
  node.state = State::kAlive;
  node.since = now_;
  ++alive_;
  ++counters_.revivals;
  if (node.description == 0) ++missing_descriptions_;
  digest_flip(node.uid);
  news_.drop(node.uid);
  note(EventKind::kReturned, node);
  if (node.number != 0 && node.number == table_[self_].number) check_number(node);
}

// Somebody came back from the dead: a cut may have been mended just now, and whoever is on trial
// because of it deserves the time to be heard of. Not in a small flock, where everybody is asked
// anyway, and not again and again.
void Member::Impl::grant_amnesty() {
  if (alive_ <= kSmallFlock || trials_.empty()) return;
  if (amnesty_given_ && since(now_, amnesty_at_) < kAmnestyGapMs) return;
  amnesty_given_ = true;
  amnesty_at_ = now_;
  paused_ += kAmnestyMs;
}

void Member::Impl::accuse(Slot slot, Millis raised, bool own) {
  Node& node = table_[slot];
  if (slot == self_ || node.state != State::kAlive) return;
  node.state = State::kSuspect;
  node.since = raised;
  ++suspects_;
  const int32_t grace = own || alive_ <= kSmallFlock ? 0 : kHearsayGraceMs;
  // What already passed elsewhere counts, but a moment of our own is always left.
  const int32_t left = std::max(300, patience(suspicion_ms(alive_)) + grace - since(now_, raised));
  push_trial(Trial{health_now() + static_cast<Millis>(left), raised, slot, own});
  note(EventKind::kSuspected, node);
}

void Member::Impl::bury(Slot slot, State state, Millis raised, bool replaced) {
  Node& node = table_[slot];
  if (slot == self_ || !node.live()) return;
  if (node.state == State::kSuspect) --suspects_;
  node.state = state;
  node.since = raised;
  node.memory = static_cast<uint16_t>(dead_.size());
  dead_.push_back(slot);
  --alive_;
  if (node.description == 0) --missing_descriptions_;
  digest_flip(node.uid);
  std::erase_if(probes_, [slot](const Probe& probe) { return probe.slot == slot; });
  note(replaced                ? EventKind::kReplaced
       : state == State::kLeft ? EventKind::kLeft
                               : EventKind::kDead,
       node);
}

void Member::Impl::forget(Slot slot) {
  Node& node = table_[slot];
  if (node.live() || node.uid == 0) return;
  const Slot last = dead_.back();
  dead_[node.memory] = last;
  table_[last].memory = node.memory;
  dead_.pop_back();
  pool_->release(node.description);
  news_.drop(node.uid);
  table_.erase(slot);
}

void Member::Impl::sweep() {
  const auto keep = std::max<int64_t>(
      kTombstoneMs,
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.reservation).count());
  for (size_t i = 0; i < kSweepPerPeriod && !dead_.empty(); ++i) {
    if (sweep_at_ >= dead_.size()) sweep_at_ = 0;
    const Slot slot = dead_[sweep_at_++];
    if (since(now_, table_[slot].since) > keep) forget(slot);
  }
}

Slot Member::Impl::random_live() {
  if (alive_ <= 1) return kNoSlot;
  const auto slots = static_cast<uint32_t>(table_.slots());
  for (int tries = 0; tries < 12; ++tries) {
    const auto slot = static_cast<Slot>(random_below(slots));
    if (slot != self_ && table_[slot].uid != 0 && table_[slot].live()) return slot;
  }
  // Few are alive among many: walk from a random place.
  const uint32_t from = random_below(slots);
  for (uint32_t i = 0; i < slots; ++i) {
    const auto slot = static_cast<Slot>((from + i) % slots);
    if (slot != self_ && table_[slot].uid != 0 && table_[slot].live()) return slot;
  }
  return kNoSlot;
}

// The sender itself spoke: the best proof of life there is.
Slot Member::Impl::contact(const Address& from, const wire::Datagram& in, Millis arrived) {
  Row row;
  row.uid = in.uid();
  row.lo = from.lo;
  row.hi = from.hi;
  row.port = from.port;
  row.sequence = in.sequence();
  row.incarnation = in.incarnation();
  row.origin = row.life = arrived;
  row.load = static_cast<uint16_t>(std::min(in.load(), 65535U));
  row.memory = static_cast<uint16_t>(std::min(in.memory(), 1000U));
  row.number = in.number() <= kMaxNodes ? static_cast<uint16_t>(in.number()) : uint16_t{0};
  row.tenure = static_cast<uint8_t>(std::min(in.tenure(), 255U));
  // A beacon is heard by all of the segment; a few of them pass it on to other segments.
  const bool spread = !in.beacon() || uniform() * static_cast<double>(alive_) < 8;
  const bool goodbye = in.news_uid_size() > 0 && in.news_uid(0) == row.uid &&
                       in.news_kind(0) == static_cast<uint32_t>(NewsKind::kLeft);
  Slot slot = table_.find(row.uid);
  if (slot == kNoSlot) return goodbye ? kNoSlot : add(row, from, spread);
  Node& node = table_[slot];
  if (goodbye && !node.live()) return slot;  // it says so three times
  // Overtaken on the way by a later word, which may have been goodbye.
  if (static_cast<int32_t>(row.sequence - node.sequence) < 0) return slot;
  if (node.state == State::kLeft && row.sequence == node.sequence) return slot;
  if (!in.beacon() || !node.live()) {
    node.lo = from.lo;
    node.net = net_of(from.hi, from.scope, from.port);
  }
  if (!node.live()) {
    const bool mended = node.state == State::kDead && cut();
    if (node.state == State::kDead) grant_amnesty();
    revive(slot, arrived, row.incarnation);
    if (mended) met_again(slot);
    if (spread) tell(NewsKind::kAlive, table_[slot], arrived, 0);
    if (!in.beacon() || uniform() * static_cast<double>(alive_) < kBeaconAnswers) {
      heal_peer_ = row.uid;
    }
  } else if (node.state == State::kSuspect && since(arrived, node.since) > 0) {
    // First-hand: whoever heard our accusation should hear this too.
    const bool told = news_.find(node.uid) != nullptr;
    const bool mended = many_suspects();
    if (mended) grant_amnesty();
    revive(slot, arrived, row.incarnation);
    if (mended) met_again(slot);
    if (told) tell(NewsKind::kAlive, table_[slot], arrived, 0);
  }
  take_figures(slot, row);
  resolve_probes(row.uid);
  return slot;
}

void Member::Impl::merge_window_row(const Row& row) {
  const Slot slot = table_.find(row.uid);
  // Without an address it is of no use; the digests will differ and a sync brings it.
  if (slot == kNoSlot || slot == self_) return;
  const Node& node = table_[slot];
  if (node.state != State::kAlive && node.state != State::kLeft &&
      lifts(node, row.life, row.incarnation)) {
    revive(slot, row.life, row.incarnation);
  }
  take_figures(slot, row);
}

void Member::Impl::merge_sync_row(const Row& row, const Node& peer, const Address& via) {
  if (row.uid == options_.uid) return;
  Slot slot = table_.find(row.uid);
  if (row.state == State::kDead || row.state == State::kLeft) {
    if (slot == kNoSlot) {
      // Worth remembering only for the number it holds.
      if (row.number == 0 || table_.full()) return;
      Row quiet = row;
      quiet.origin = quiet.life = row.life;
      slot = table_.insert(row.uid);
      if (slot == kNoSlot) return;
      Node& node = table_[slot];
      node.lo = row.lo;
      node.net = net_of(row.hi, via.scope, row.port != 0 ? row.port : options_.port);
      node.sequence = row.sequence;
      node.origin = node.life = node.since = row.life;
      node.incarnation = clip(row.incarnation);
      node.number = row.number;
      node.state = row.state;
      node.memory = static_cast<uint16_t>(dead_.size());
      dead_.push_back(slot);
      return;
    }
    // No verdict by hearsay of unknown age: look for ourselves.
    const Node& node = table_[slot];
    if (node.state == State::kAlive && accuses(node, row.life, row.incarnation) &&
        probes_.size() < kMaxProbes / 2) {
      start_probe(slot, false, false);
    }
    return;
  }
  if (slot == kNoSlot) {
    if (add(row, via, false) != kNoSlot) ++sync_.changes;
    return;
  }
  const Node& node = table_[slot];
  if (node.state == State::kSuspect) {
    if (lifts(node, row.life, row.incarnation)) {
      revive(slot, row.life, row.incarnation);
    } else if (row.state == State::kAlive && many_suspects() && speaks_for_other_side(peer, node)) {
      revive(slot, now_, row.incarnation);
    }
  } else if (!node.live()) {
    if (node.state == State::kDead && lifts(node, row.life, row.incarnation)) {
      revive(slot, row.life, row.incarnation);
      ++sync_.changes;
    } else if (row.state == State::kAlive && speaks_for_other_side(peer, node)) {
      // The word of that side, as of now; others take it from us by its time.
      revive(slot, now_, row.incarnation);
      ++sync_.changes;
    } else if (row.state == State::kAlive && node.state == State::kDead &&
               sync_.doubts < kMostDoubts) {
      // Neither side has the newer word: ask the dead itself.
      ++sync_.doubts;
      ping(address_of(node), slot, next_token(), false);
    }
  }
  take_figures(slot, row);
}

void Member::Impl::hear_about_self(NewsKind kind, uint32_t incarnation, Millis raised,
                                   const Address& via) {
  Node& me = table_[self_];
  if (kind == NewsKind::kAlive || leaving_) return;
  if (incarnation < me.incarnation || since(raised, started_at_) < 0) return;
  me.incarnation = clip(incarnation + 1);
  ++counters_.refutations;
  refresh_self();
  tell(NewsKind::kAlive, me, now_, 0);
  // To whoever told us at once; the rest hear it as news.
  ping(via, kNoSlot, next_token(), false);
}

void Member::Impl::hear(const News& news, const Row& row, const Address& via) {
  const Slot slot = table_.find(news.uid);
  if (news.kind == NewsKind::kAlive) {
    if (slot == kNoSlot) {
      if (row.lo != 0) add(row, via, true);
      return;
    }
    const Node& node = table_[slot];
    const uint16_t number = node.number;
    const uint16_t incarnation = node.incarnation;
    const bool lifted = node.state != State::kAlive && node.state != State::kLeft &&
                        lifts(node, row.life, row.incarnation);
    const bool mended = lifted && cut();
    if (lifted) revive(slot, row.life, row.incarnation);
    if (mended) met_again(slot);
    take_figures(slot, row);
    if (node.live() && (lifted || node.number != number || node.incarnation != incarnation)) {
      if (row.lo != 0 && lifted) table_[slot].lo = row.lo;
      tell(NewsKind::kAlive, node, row.life, 0);
    }
    return;
  }
  if (slot == kNoSlot || !table_[slot].live()) return;
  const Node& node = table_[slot];
  if (news.kind == NewsKind::kLeft) {
    // Its own last word, which may have come with a datagram that also proved it alive.
    if (since(news.raised, node.life) < -kClockMarginMs) return;
    if (static_cast<int32_t>(row.sequence - node.sequence) > 0) {
      table_[slot].sequence = row.sequence;
    }
    bury(slot, State::kLeft, news.raised, false);
    news_.add(news);
    return;
  }
  const Slot accuser = news.accuser == options_.uid ? self_ : table_.find(news.accuser);
  if (news.kind == NewsKind::kReplaced) {
    if (accuser == kNoSlot || !accuses(node, news.raised, kMaxIncarnation)) return;
    bury(slot, State::kLeft, news.raised, true);
    news_.add(news);
    return;
  }
  if (!accuses(node, news.raised, news.incarnation)) return;
  if (accuser == kNoSlot || !trusts_verdict(table_[accuser], news.raised)) {
    ++counters_.deaths_ignored;
    return;
  }
  // While the wire was cut silence proved nothing, and this may come from a side whose members we
  // had not even missed.
  if (mended_ && since(news.raised, mending_since_) < 0) {
    ++counters_.deaths_ignored;
    return;
  }
  if (news.kind == NewsKind::kSuspect) {
    if (node.state != State::kAlive) return;
    ++counters_.suspicions_heard;
    accuse(slot, news.raised, false);
  } else if (alive_ > kSmallFlock && trials_.size() > many_trials(alive_)) {
    // Neither followed nor passed on: a trial of our own, which ends with questions of our own.
    ++counters_.deaths_doubted;
    if (node.state == State::kAlive) accuse(slot, news.raised, false);
    return;
  } else {
    ++counters_.deaths_heard;
    bury(slot, State::kDead, news.raised, false);
  }
  news_.add(news);
}

void Member::Impl::take_news(const wire::Datagram& in, const Address& via, Millis arrived) {
  const int count = in.news_uid_size();
  for (const uint64_t uid : in.news_uid()) table_.hash_hint(uid);
  for (const uint64_t uid : in.news_uid()) table_.node_hint(uid);
  for (int i = 0; i < count; ++i) {
    if (in.news_age(i) > static_cast<uint32_t>(kNewsMaxAgeMs)) continue;
    const uint32_t kind = in.news_kind(i);
    if (kind < 1 || kind > 5 || in.news_uid(i) == 0) continue;
    News news;
    news.uid = in.news_uid(i);
    news.kind = static_cast<NewsKind>(kind);
    news.raised = arrived - in.news_age(i);
    news.incarnation = clip(in.news_incarnation(i));
    if (news.uid == options_.uid) {
      hear_about_self(news.kind, in.news_incarnation(i), news.raised, via);
      continue;
    }
    Row row;
    row.uid = news.uid;
    row.sequence = in.news_sequence(i);
    row.incarnation = in.news_incarnation(i);
    row.origin = row.life = news.raised;
    const uint32_t number = in.news_number(i);
    row.number = number <= kMaxNodes ? static_cast<uint16_t>(number) : uint16_t{0};
    row.tenure = static_cast<uint8_t>(std::min(in.news_tenure(i), 255U));
    if (news.kind == NewsKind::kAlive) {
      row.lo = in.news_who(i);
      // News has no room for figures: keep those of the board until its next row.
      if (const Slot slot = table_.find(news.uid); slot != kNoSlot && table_[slot].live()) {
        row.load = table_[slot].load;
        row.memory = table_[slot].memory;
      }
    } else {
      news.accuser = in.news_who(i);
    }
    hear(news, row, via);
  }
}

}  // namespace starling::membership
