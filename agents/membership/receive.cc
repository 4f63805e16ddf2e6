// SPDX-License-Identifier: GPL-2.0-or-later
// Taking datagrams apart. The sender holds the flock's key but may be broken: every length and
// number is checked, the work per datagram is bounded, nothing is thrown.
#include <algorithm>
#include <exception>

#include "agents/membership/member_impl.h"
#include "agents/membership/precedence.h"
#include "agents/membership/wire.pb.h"

namespace starling::membership {

namespace {
constexpr int kMaxRows = 160;
constexpr int kMaxWant = 32;
constexpr int kMaxDescriptions = 16;
constexpr uint32_t kMaxAgeMs = 24 * 3600 * 1000;
constexpr int kDescriptionDatagrams = 3;
constexpr size_t kDescriptionsEach = 8;

template <typename Column>
bool fits(const Column& column, int count, bool optional = false) {
  return column.size() == count || (optional && column.empty());
}
}  // namespace

bool Member::Impl::sane(const wire::Datagram& in) const {
  if (in.version() != 1 || in.uid() == 0) return false;
  const int rows = in.row_uid_size();
  if (rows > kMaxRows || !fits(in.row_sequence(), rows) || !fits(in.row_incarnation(), rows) ||
      !fits(in.row_age(), rows) || !fits(in.row_load(), rows) || !fits(in.row_memory(), rows) ||
      !fits(in.row_number(), rows) || !fits(in.row_tenure(), rows)) {
    return false;
  }
  if (in.sync_page() &&
      (!fits(in.row_state(), rows) || !fits(in.row_life_age(), rows) || !fits(in.row_lo(), rows) ||
       !fits(in.row_hi(), rows, true) || !fits(in.row_port(), rows, true))) {
    return false;
  }
  const int news = in.news_uid_size();
  if (news > kMaxRows || !fits(in.news_kind(), news) || !fits(in.news_who(), news) ||
      !fits(in.news_sequence(), news) || !fits(in.news_incarnation(), news) ||
      !fits(in.news_age(), news) || !fits(in.news_number(), news) ||
      !fits(in.news_tenure(), news)) {
    return false;
  }
  const int hashes = in.sync_hash_size();
  if (hashes != 0 && hashes != 8 && hashes != 32 && hashes != static_cast<int>(kBuckets)) {
    return false;
  }
  if (in.roll().size() % kRollBlock != 0 || in.roll().size() > kMaxDatagram ||
      in.roll_first() > kMaxNodes) {
    return false;
  }
  return in.want_size() <= kMaxWant && in.description_size() <= kMaxDescriptions;
}

void Member::Impl::receive(const Address& from, std::span<const uint8_t> bytes, Time arrived_at) {
  if (!started_ || leaving_) return;
  clock_ = env_.now();
  now_ = millis(clock_);
  ++counters_.datagrams_in;
  counters_.bytes_in += bytes.size();
  static thread_local wire::Datagram in;
  try {
    if (bytes.size() > kMaxDatagram ||
        !in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !sane(in)) {
      ++counters_.malformed;
      return;
    }
    if (in.uid() == options_.uid) {
      ++counters_.own_echo;
      return;
    }
    // A clock that jumped must not age records by years, nor make them younger than now.
    const Time earliest = clock_ - std::chrono::hours(1);
    const Millis arrived = millis(std::clamp(arrived_at, std::max(earliest, epoch_), clock_));
    const Slot sender = contact(from, in, arrived);
    if (sender == kNoSlot) return;  // no room, or a stranger's goodbye
    take_news(in, from, arrived);
    if (in.sync_page()) {
      take_page(in, from, sender, arrived);
    } else {
      for (const uint64_t uid : in.row_uid()) table_.hash_hint(uid);
      for (const uint64_t uid : in.row_uid()) table_.node_hint(uid);
      for (int i = 0; i < in.row_uid_size(); ++i) {
        if (in.row_uid(i) == 0 || in.row_age(i) > kMaxAgeMs) continue;
        ++counters_.rows_in;
        Row row;
        row.uid = in.row_uid(i);
        row.sequence = in.row_sequence(i);
        row.incarnation = in.row_incarnation(i);
        row.origin = row.life = arrived - in.row_age(i);
        row.load = static_cast<uint16_t>(std::min(in.row_load(i), 65535U));
        row.memory = static_cast<uint16_t>(std::min(in.row_memory(i), 1000U));
        row.number = static_cast<uint16_t>(in.row_number(i) <= kMaxNodes ? in.row_number(i) : 0);
        row.tenure = static_cast<uint8_t>(std::min(in.row_tenure(i), 255U));
        merge_window_row(row);
      }
    }
    take_descriptions(in);
    // News or rows may have buried or even evicted the sender.
    const Slot again = table_.find(in.uid());
    if (again == kNoSlot) return;
    if (!in.roll().empty()) take_roll(in, again, arrived);
    answer(in, from, again);
    watch_digest(in, again, arrived);
  } catch (const std::exception&) {
    ++counters_.malformed;  // out of memory while parsing is the only way here
  }
}

void Member::Impl::answer(const wire::Datagram& in, const Address& from, Slot sender) {
  if (in.ack() != 0) {
    for (const Probe& probe : probes_) {
      if (probe.token != in.ack()) continue;
      if (probe.uid != in.uid()) {  // through a helper: alive since we asked
        Node& node = table_[probe.slot];
        const Millis life = now_;
        if (node.state == State::kSuspect) revive(probe.slot, life, node.incarnation);
        if (since(life, node.life) > 0) node.life = life;
        resolve_probes(probe.uid);
      }
      break;
    }
    relay_answer(in.ack());
  }
  if (in.your_number() != 0 && in.your_number() <= kMaxNodes && wished_number_ == 0 &&
      table_[self_].number == 0) {
    wished_number_ = static_cast<uint16_t>(in.your_number());
  }
  if (in.your_previous_uid() != 0 && in.your_previous_uid() != options_.uid &&
      options_.previous_uid == 0 && since(now_, started_at_) < kYoungMs) {
    options_.previous_uid = in.your_previous_uid();
    if (const Slot old = table_.find(options_.previous_uid); old != kNoSlot && table_[old].live()) {
      bury(old, State::kLeft, now_, true);
    }
    news_.add(News{options_.previous_uid, options_.uid, now_, 0xffff, NewsKind::kReplaced, 0});
  }
  if (in.ask_token() != 0) relay_question(in, from);
  if (in.beacon()) {
    answer_beacon(in, from, sender);
  } else if (in.ping() != 0) {
    static thread_local wire::Datagram out;
    begin(out);
    out.set_ack(in.ping());
    recognize(in, sender, out);
    add_news(out, 12, sender);
    ship(out, from);
  }
  if (in.sync_token() != 0 && !in.sync_page()) serve_sync(in, from);
  if (in.want_roll()) give_roll(from);
  if (in.want_size() > 0) give_descriptions(in, from);
}

// Few of those who hear a stranger's beacon answer, however many they are.
void Member::Impl::answer_beacon(const wire::Datagram& in, const Address& from, Slot sender) {
  ++beacons_heard_;
  const bool knows_less = in.alive_count() < alive_ && in.alive_hash() != digest_;
  const bool young = in.machine() != 0;
  if (!knows_less && !young) return;
  if (uniform() * static_cast<double>(alive_) >= kBeaconAnswers) return;
  static thread_local wire::Datagram out;
  begin(out);
  out.set_ping(next_token());
  recognize(in, sender, out);
  add_description(out, options_.uid, table_[self_].description);
  add_news(out, 4, sender);
  ship(out, from);
}

// Tells a young node who it was before it was restarted, and lets its old session go.
void Member::Impl::recognize(const wire::Datagram& in, Slot sender, wire::Datagram& out) {
  // All slots are looked at: only for those who are new to us, and not for every question.
  if (in.machine() == 0 || since(now_, table_[sender].since) > kYoungMs ||
      uniform() * static_cast<double>(alive_) >= 64) {
    return;
  }
  const Node* best = nullptr;
  Slot best_slot = kNoSlot;
  for (size_t i = 0; i < table_.slots(); ++i) {
    const auto slot = static_cast<Slot>(i);
    const Node& node = table_[slot];
    if (node.uid == 0 || slot == sender || slot == self_ || node.description == 0) continue;
    if (pool_->get(node.description).machine != in.machine()) continue;
    if (!best || since(node.since, best->since) > 0) {
      best = &node;
      best_slot = slot;
    }
  }
  if (!best) return;
  out.set_your_number(best->number);
  out.set_your_previous_uid(best->uid);
  if (best->live()) {
    bury(best_slot, State::kLeft, now_, true);
    news_.add(News{best->uid, in.uid(), now_, best->incarnation, NewsKind::kReplaced, 0});
  }
}

void Member::Impl::take_descriptions(const wire::Datagram& in) {
  for (const wire::Description& item : in.description()) {
    if (item.uid() == 0 || item.uid() == options_.uid || item.hostname().size() > 64 ||
        item.version().size() > 32 || item.image().size() > 64 || item.addresses_size() > 8) {
      continue;
    }
    const Slot slot = table_.find(item.uid());
    if (slot == kNoSlot) continue;
    Node& node = table_[slot];
    // Third parties fill gaps; only the node itself changes what is known.
    if (node.description != 0 && item.uid() != in.uid()) continue;
    Description d{
        item.uid(),     item.machine(), item.hostname(),
        item.version(), item.image(),   item.memory_total(),
        item.cpus(),    item.speed(),   {item.addresses().begin(), item.addresses().end()}};
    const auto handle = pool_->intern(d);
    if (node.description == 0 && node.live()) --missing_descriptions_;
    pool_->release(node.description);
    node.description = handle;
  }
}

void Member::Impl::give_descriptions(const wire::Datagram& in, const Address& to) {
  static thread_local wire::Datagram out;
  int sent = 0;
  begin(out);
  const auto flush = [&] {
    ship(out, to);
    ++sent;
    begin(out);
  };
  size_t size = out.ByteSizeLong();
  for (const uint64_t uid : in.want()) {
    const Slot slot = uid == 0 ? kNoSlot : table_.find(uid);
    if (slot == kNoSlot || table_[slot].description == 0) continue;
    add_description(out, uid, table_[slot].description);
    const auto& last = out.description(out.description_size() - 1);
    const size_t added = last.ByteSizeLong() + 4;
    if (size + added > kMaxDatagram ||
        static_cast<size_t>(out.description_size()) > kDescriptionsEach) {
      out.mutable_description()->RemoveLast();
      flush();
      if (sent == kDescriptionDatagrams) return;
      size = out.ByteSizeLong();
      add_description(out, uid, table_[slot].description);
    }
    size += added;
  }
  if (out.description_size() > 0) ship(out, to);
}

}  // namespace starling::membership
