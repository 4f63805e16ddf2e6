// SPDX-License-Identifier: GPL-2.0-or-later
// Building datagrams. Every one carries the sender's own figures and the digest of its view; the
// window and news fill the room that is left.
#include <algorithm>
#include <array>

#include "agents/membership/member_impl.h"
#include "agents/membership/precedence.h"
#include "agents/membership/wire.pb.h"

namespace starling::membership {

namespace {
constexpr size_t kColumnHead = 4;  // tag and length of a packed column
constexpr size_t kRowColumns = 8;
constexpr size_t kNewsMost = 36;  // about 1,000 bytes
constexpr size_t kNewsInPing = 8;
constexpr size_t kWant = 24;

size_t varint(uint32_t value) {
  size_t bytes = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++bytes;
  }
  return bytes;
}
}  // namespace

void Member::Impl::refresh_self() {
  Node& me = table_[self_];
  if (me.origin == now_ && me.sequence != 0) return;
  ++me.sequence;
  me.origin = me.life = now_;
  me.tenure = me.number == 0 ? uint8_t{0}
                             : tenure_of(static_cast<uint32_t>(since(now_, number_since_)) / 1000);
}

void Member::Impl::begin(wire::Datagram& out) {
  refresh_self();
  const Node& me = table_[self_];
  out.Clear();
  out.set_version(1);
  out.set_uid(me.uid);
  out.set_sequence(me.sequence);
  out.set_incarnation(me.incarnation);
  out.set_load(me.load);
  out.set_memory(me.memory);
  out.set_number(me.number);
  out.set_tenure(me.tenure);
  out.set_alive_count(static_cast<uint32_t>(alive_));
  out.set_alive_hash(digest_);
  if (since(now_, started_at_) < kYoungMs) {
    out.set_machine(options_.machine);
    out.set_previous_uid(options_.previous_uid);
  }
}

void Member::Impl::add_news(wire::Datagram& out, size_t count, Slot target) {
  picked_.clear();
  if (target != kNoSlot && table_[target].state == State::kSuspect) {
    // A suspect must hear of it from everybody who speaks to it.
    const Node& node = table_[target];
    picked_.push_back(
        News{node.uid, options_.uid, node.since, node.incarnation, NewsKind::kSuspect, 0});
  }
  // After a great loss there is more news than board: let it have the room.
  if (count > 0 && news_.size() > 4 * count) count = kNewsMost;
  news_.take(count, news_sends(alive_), now_, kNewsMaxAgeMs, picked_);
  for (const News& news : picked_) table_.hash_hint(news.uid);
  for (const News& news : picked_) table_.node_hint(news.uid);
  for (const News& news : picked_) {
    const Slot slot = table_.find(news.uid);
    Millis raised = news.raised;
    uint32_t sequence = 0, number = 0, tenure = 0, incarnation = news.incarnation;
    uint64_t who = news.accuser;
    if (slot != kNoSlot) {
      const Node& node = table_[slot];
      sequence = node.sequence;
      number = node.number;
      tenure = node.tenure;
      if (news.kind == NewsKind::kAlive) {
        if (!node.live()) continue;
        raised = node.life;
        incarnation = node.incarnation;
        // Only link-local addresses on the flock's port go into news.
        const Net& net = nets_[node.net];
        who = net.hi == kLinkLocalPrefix && net.port == options_.port ? node.lo : 0;
      }
    } else if (news.kind == NewsKind::kAlive) {
      continue;
    }
    out.add_news_kind(static_cast<uint32_t>(news.kind));
    out.add_news_uid(news.uid);
    out.add_news_who(who);
    out.add_news_sequence(sequence);
    out.add_news_incarnation(incarnation);
    out.add_news_age(static_cast<uint32_t>(std::max(0, since(now_, raised))));
    out.add_news_number(number);
    out.add_news_tenure(tenure);
  }
}

// The freshest entries, as many as fit. fresh_ holds candidates: whatever was updated recently,
// possibly since updated again (then its origin no longer matches and a newer candidate exists).
// self_ never is one.
void Member::Impl::add_window(wire::Datagram& out) {
  const size_t used = out.ByteSizeLong() + kRowColumns * kColumnHead;
  if (used + 32 > kMaxDatagram) return;
  const size_t room = kMaxDatagram - used;
  const size_t most = room / 16;
  const auto newer = [](const std::pair<Millis, Slot>& a, const std::pair<Millis, Slot>& b) {
    const int32_t d = since(a.first, b.first);
    return d != 0 ? d > 0 : a.second < b.second;
  };
  // Nodes are looked up only as far as the window reaches: in a big flock each look-up is a cache
  // miss. Half of the candidates have typically been updated since.
  const size_t keep = 3 * most;
  if (fresh_.size() > keep) {
    std::nth_element(fresh_.begin(), fresh_.begin() + static_cast<std::ptrdiff_t>(keep),
                     fresh_.end(), newer);
    fresh_.resize(keep);
  }
  std::sort(fresh_.begin(), fresh_.end(), newer);
  for (const auto& [origin, slot] : fresh_) table_.prefetch(slot);
  size_t bytes = 0;
  Slot previous = kNoSlot;
  for (auto& [origin, slot] : fresh_) {
    const Node& node = table_[slot];
    if (slot == previous || node.origin != origin || node.uid == 0 || !node.live()) {
      slot = self_;  // outdated; swept out below
      continue;
    }
    previous = slot;
    const auto age = static_cast<uint32_t>(std::max(0, since(now_, origin)));
    bytes += 8 + varint(node.sequence) + varint(node.incarnation) + varint(age) +
             varint(node.load) + varint(node.memory) + varint(node.number) + varint(node.tenure);
    if (bytes > room) break;
    out.add_row_uid(node.uid);
    out.add_row_sequence(node.sequence);
    out.add_row_incarnation(node.incarnation);
    out.add_row_age(age);
    out.add_row_load(node.load);
    out.add_row_memory(node.memory);
    out.add_row_number(node.number);
    out.add_row_tenure(node.tenure);
  }
  std::erase_if(fresh_, [this](const auto& item) { return item.second == self_; });
}

void Member::Impl::add_description(wire::Datagram& out, uint64_t uid, uint32_t handle) {
  if (handle == 0) return;
  const Description& d = pool_->get(handle);
  wire::Description* item = out.add_description();
  item->set_uid(uid);
  item->set_machine(d.machine);
  item->set_hostname(d.hostname);
  item->set_version(d.version);
  item->set_image(d.image);
  item->set_memory_total(d.memory_total);
  item->set_cpus(d.cpus);
  item->set_speed(d.speed);
  for (const uint64_t lo : d.addresses) item->add_addresses(lo);
}

void Member::Impl::ship(wire::Datagram& out, const Address& to) {
  static thread_local std::array<uint8_t, 2 * kMaxDatagram> buffer;
  size_t size = out.ByteSizeLong();
  // Rows and news are sized before they are added; a description may still be one too many.
  while (size > kMaxDatagram && out.description_size() > 0) {
    out.mutable_description()->RemoveLast();
    size = out.ByteSizeLong();
  }
  if (size > kMaxDatagram) return;
  out.SerializeWithCachedSizesToArray(buffer.data());
  ++counters_.datagrams_out;
  counters_.bytes_out += size;
  env_.send(to, {buffer.data(), size});
}

void Member::Impl::beacon() {
  static thread_local wire::Datagram out;
  static thread_local std::array<uint8_t, 2 * kMaxDatagram> buffer;
  begin(out);
  out.set_beacon(true);
  add_description(out, options_.uid, table_[self_].description);
  const size_t size = out.ByteSizeLong();
  if (size > kMaxDatagram) return;
  out.SerializeWithCachedSizesToArray(buffer.data());
  ++counters_.multicasts_out;
  counters_.bytes_out += size;
  env_.multicast({buffer.data(), size});
}

void Member::Impl::ping(const Address& to, Slot target, uint32_t token, bool with_window,
                        bool with_news) {
  static thread_local wire::Datagram out;
  begin(out);
  out.set_ping(token);
  add_news(out, with_news ? kNewsInPing : 0, target);
  if (with_window) add_window(out);
  ship(out, to);
}

void Member::Impl::farewell() {
  static thread_local wire::Datagram out;
  static thread_local std::array<uint8_t, 2 * kMaxDatagram> buffer;
  const auto compose = [this] {
    begin(out);
    const Node& me = table_[self_];
    out.add_news_kind(static_cast<uint32_t>(NewsKind::kLeft));
    out.add_news_uid(me.uid);
    out.add_news_who(me.uid);
    out.add_news_sequence(me.sequence);
    out.add_news_incarnation(me.incarnation);
    out.add_news_age(0);
    out.add_news_number(me.number);
    out.add_news_tenure(me.tenure);
  };
  compose();
  const size_t size = out.ByteSizeLong();
  out.SerializeWithCachedSizesToArray(buffer.data());
  ++counters_.multicasts_out;
  counters_.bytes_out += size;
  env_.multicast({buffer.data(), size});
  if (alive_ <= kSmallFlock) {
    for (size_t i = 0; i < table_.slots(); ++i) {
      const Node& node = table_[static_cast<Slot>(i)];
      if (node.uid == 0 || i == self_ || !node.live()) continue;
      ship(out, address_of(node));
    }
    return;
  }
  for (int i = 0; i < 8; ++i) {
    if (const Slot slot = random_live(); slot != kNoSlot) ship(out, address_of(table_[slot]));
  }
}

// Descriptions travel once: whoever lacks some asks a random node, or the node itself when few
// are missing.
void Member::Impl::want_descriptions() {
  if (missing_descriptions_ == 0 || alive_ <= 1) return;
  static thread_local wire::Datagram out;
  begin(out);
  const auto slots = static_cast<uint32_t>(table_.slots());
  Slot lacking = kNoSlot;
  for (uint32_t seen = 0;
       seen < std::min(slots, 512U) && static_cast<size_t>(out.want_size()) < kWant; ++seen) {
    missing_at_ = (missing_at_ + 1) % slots;
    const auto slot = static_cast<Slot>(missing_at_);
    const Node& node = table_[slot];
    if (node.uid == 0 || !node.live() || node.description != 0 || slot == self_) continue;
    out.add_want(node.uid);
    lacking = slot;
  }
  if (lacking == kNoSlot) return;
  Slot whom = lacking;
  if (out.want_size() > 1 || uniform() < 0.5) {
    if (const Slot other = random_live(); other != kNoSlot) whom = other;
  }
  ship(out, address_of(table_[whom]));
}

}  // namespace starling::membership
