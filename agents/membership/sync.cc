// SPDX-License-Identifier: GPL-2.0-or-later
// Bulk repair. Digests that stay different mean that news got lost or that two parts of the flock
// met again: then the node that knows less pulls the differing buckets from one peer, page by page.
#include <algorithm>

#include "agents/membership/member_impl.h"
#include "agents/membership/wire.pb.h"

namespace starling::membership {

namespace {
constexpr uint32_t kMaxAgeMs = 24 * 3600 * 1000;
// A fruitless sync may just have lost its page: try again soon, it costs 3 kB at most.
constexpr int32_t kBackoffLeastMs = 250;
constexpr int32_t kBackoffMostMs = 1000;
constexpr int32_t kDeadWorthMs = 300000;  // verdicts older than this are not passed on
constexpr size_t kPageRoom = kMaxDatagram - 160;
constexpr uint8_t kSyncTries = 3;

size_t varint(uint32_t value) {
  size_t bytes = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++bytes;
  }
  return bytes;
}

// Buckets as coarse as the view is small.
size_t buckets_for(size_t alive) {
  return alive <= 64 ? 8 : alive <= 512 ? 32 : 128;
}
}  // namespace

void Member::Impl::watch_digest(const wire::Datagram& in, Slot sender, Millis arrived) {
  if (!had_all_ && in.machine() == 0 && since(now_, started_at_) < kYoungMs) {
    wants_all_ = true;
    if (heal_peer_ == 0) heal_peer_ = table_[sender].uid;
  }
  if (in.alive_hash() == digest_ && in.alive_count() == alive_) {
    differs_ = false;
    sync_backoff_ms_ = 0;
    return;
  }
  if (!differs_) {
    differs_ = true;
    differs_since_ = arrived;
    differing_peer_ = 0;
  }
  // Rather somebody who knows more than we do.
  if (in.alive_count() >= alive_ || differing_peer_ == 0 ||
      since(now_, differing_at_) > kSyncPatienceMs / 2) {
    differing_peer_ = table_[sender].uid;
    differing_at_ = now_;
  }
}

void Member::Impl::run_sync() {
  if (sync_.active) {
    if (since(now_, sync_.deadline) < 0) return;
    if (++sync_.retries >= kSyncTries) {
      finish_sync(false);
    } else {
      ask_page();
    }
    return;
  }
  if (!differs_ && !wants_all_) {
    heal_peer_ = 0;
    return;
  }
  // Rolls bring back most of those a cut took away for a hundredth of the bytes.
  if (mending() && !wants_all_ && since(now_, roll_helped_at_) < kRollPatienceMs &&
      since(now_, mending_since_) < kMendingMostMs)
    return;
  // Met somebody we had buried: the other side of a cut. Do not wait.
  if (heal_peer_ != 0) {
    const Slot peer = table_.find(heal_peer_);
    heal_peer_ = 0;
    if (peer != kNoSlot && table_[peer].live()) {
      start_sync(peer, wants_all_);
      return;
    }
  }
  if (!differs_) return;
  if (since(now_, sync_next_) < 0) return;
  const bool young = since(now_, started_at_) < kYoungMs;
  if (!young && sync_backoff_ms_ >= 0 && since(now_, differs_since_) < kSyncPatienceMs) return;
  const Slot peer = differing_peer_ == 0 ? kNoSlot : table_.find(differing_peer_);
  differing_peer_ = 0;
  if (peer != kNoSlot && table_[peer].live()) start_sync(peer, wants_all_);
}

void Member::Impl::start_sync(Slot peer, bool all) {
  sync_ = Sync{};
  sync_.all = all;
  sync_.active = true;
  sync_.peer = table_[peer].uid;
  sync_.token = next_token();
  ++counters_.syncs_started;
  ask_page();
}

void Member::Impl::ask_page() {
  const Slot peer = table_.find(sync_.peer);
  if (peer == kNoSlot || !table_[peer].live()) {
    finish_sync(false);
    return;
  }
  static thread_local wire::Datagram out;
  begin(out);
  out.set_sync_token(sync_.token);
  out.set_sync_cursor(sync_.cursor);
  const size_t groups = buckets_for(alive_);
  const size_t each = kBuckets / groups;
  for (size_t g = 0; g < groups; ++g) {
    uint32_t hash = 0;
    for (size_t i = 0; i < each; ++i) hash ^= buckets_[g * each + i];
    out.add_sync_hash(sync_.all ? ~hash : hash);
  }
  sync_.deadline = now_ + static_cast<Millis>(patience(kSyncTimeoutMs));
  ship(out, address_of(table_[peer]));
}

void Member::Impl::finish_sync(bool complete) {
  sync_.active = false;
  if (complete) ++counters_.syncs_finished;
  if (complete && sync_.all) {
    wants_all_ = false;
    had_all_ = true;
  }
  if (sync_.changes > 0 || !complete) {
    // It helped, or the peer was busy: go on soon, with whoever differs then.
    sync_backoff_ms_ = -1;
    sync_next_ = now_ + 30 + random_below(100);
    return;
  }
  if (sync_.doubts > 0) sync_backoff_ms_ = 0;  // answers come soon, and may get lost
  sync_backoff_ms_ = std::clamp(2 * sync_backoff_ms_, kBackoffLeastMs, kBackoffMostMs);
  const int32_t rest =
      std::max(sync_backoff_ms_, static_cast<int32_t>(sync_.pages) * kSyncRestPerPageMs);
  sync_next_ = now_ + static_cast<Millis>(rest) + random_below(static_cast<uint32_t>(rest));
}

// A budget of pages keeps one node from serving a whole flock at once; who gets nothing asks
// somebody else.
bool Member::Impl::spend_pages(uint32_t pages) {
  const auto passed = static_cast<uint32_t>(std::clamp(since(now_, pages_at_), 0, 1000));
  if (passed > 0) {
    pages_credit_ = std::min<uint32_t>(kSyncPagesPerSecond / 10,
                                       pages_credit_ + passed * kSyncPagesPerSecond / 1000);
    pages_at_ = now_;
  }
  if (pages_credit_ < pages) return false;
  pages_credit_ -= pages;
  return true;
}

void Member::Impl::serve_sync(const wire::Datagram& in, const Address& from) {
  if (in.sync_hash_size() == 0 || !spend_pages(kSyncBurst)) return;
  const auto groups = static_cast<size_t>(in.sync_hash_size());
  const size_t each = kBuckets / groups;
  std::array<bool, kBuckets> differs;
  for (size_t g = 0; g < groups; ++g) {
    uint32_t hash = 0;
    for (size_t i = 0; i < each; ++i) hash ^= buckets_[g * each + i];
    for (size_t i = 0; i < each; ++i) {
      differs[g * each + i] = hash != in.sync_hash(static_cast<int>(g));
    }
  }
  // Verdicts go along while they are few; after a cut they would only be in the way.
  const bool with_dead = dead_.size() <= 64 + alive_ / 16;
  static thread_local wire::Datagram out;
  const auto open = [&] {
    begin(out);
    out.set_sync_token(in.sync_token());
    out.set_sync_page(true);
  };
  open();
  size_t bytes = 0, pages = 0;
  // Addresses other than link-local on the flock's port are rare; then every row carries the rest.
  const bool odd_net = std::any_of(nets_.begin(), nets_.end(), [this](const Net& net) {
    return net.hi != kLinkLocalPrefix || net.port != options_.port;
  });
  size_t cursor = in.sync_cursor();
  const auto close = [&](bool last, uint32_t next) {
    out.set_sync_last(last);
    out.set_sync_cursor(next);
    ship(out, from);
    ++counters_.sync_pages_out;
    ++pages;
    open();
    bytes = 0;
  };
  const size_t slots = table_.slots();
  for (; cursor < slots; ++cursor) {
    const Node& node = table_[static_cast<Slot>(cursor)];
    if (node.uid == 0 || !differs[bucket(node.uid)]) continue;
    const bool live = node.live();
    if (!live && (!with_dead || since(now_, node.since) > kDeadWorthMs)) continue;
    const auto age = static_cast<uint32_t>(std::max(0, since(now_, node.origin)));
    const auto life =
        static_cast<uint32_t>(std::max(0, since(now_, live ? node.life : node.since)));
    const Net& net = nets_[node.net];
    const size_t cost = 16 + varint(node.sequence) + varint(node.incarnation) + varint(age) +
                        varint(life) + varint(node.load) + varint(node.memory) +
                        varint(node.number) + 2 + (odd_net ? 11 : 0);
    if (bytes + cost > kPageRoom) {
      if (pages + 1 == kSyncBurst) {
        close(true, static_cast<uint32_t>(cursor));
        return;
      }
      close(false, 0);
    }
    bytes += cost;
    out.add_row_uid(node.uid);
    out.add_row_sequence(node.sequence);
    out.add_row_incarnation(node.incarnation);
    out.add_row_age(age);
    out.add_row_load(live ? node.load : 0);
    out.add_row_memory(live ? node.memory : 0);
    out.add_row_number(node.number);
    out.add_row_tenure(node.tenure);
    out.add_row_state(static_cast<uint32_t>(node.state));
    out.add_row_life_age(life);
    out.add_row_lo(node.lo);
    if (odd_net) {
      out.add_row_hi(net.hi);
      out.add_row_port(net.port);
    }
  }
  close(true, 0);
}

void Member::Impl::take_page(const wire::Datagram& in, const Address& from, Slot sender,
                             Millis arrived) {
  // Pages overtake each other: those behind the last one of a finished sync are as welcome.
  if (in.sync_token() != sync_.token || in.uid() != sync_.peer) return;
  ++counters_.sync_pages_in;
  ++sync_.pages;
  sync_.retries = 0;
  sync_.deadline = now_ + static_cast<Millis>(patience(kSyncTimeoutMs));
  const bool has_net = in.row_hi_size() > 0 && in.row_port_size() > 0;
  // A copy: rows may make the table grow or even evict the sender.
  const Node peer = table_[sender];
  for (const uint64_t uid : in.row_uid()) table_.hash_hint(uid);
  for (const uint64_t uid : in.row_uid()) table_.node_hint(uid);
  for (int i = 0; i < in.row_uid_size(); ++i) {
    const uint32_t state = in.row_state(i);
    if (in.row_uid(i) == 0 || in.row_age(i) > kMaxAgeMs || in.row_life_age(i) > kMaxAgeMs ||
        state < 1 || state > 4) {
      continue;
    }
    ++counters_.rows_in;
    Row row;
    row.uid = in.row_uid(i);
    row.sequence = in.row_sequence(i);
    row.incarnation = in.row_incarnation(i);
    row.origin = arrived - in.row_age(i);
    row.life = arrived - in.row_life_age(i);
    row.load = static_cast<uint16_t>(std::min(in.row_load(i), 65535U));
    row.memory = static_cast<uint16_t>(std::min(in.row_memory(i), 1000U));
    row.number = static_cast<uint16_t>(in.row_number(i) <= kMaxNodes ? in.row_number(i) : 0);
    row.tenure = static_cast<uint8_t>(std::min(in.row_tenure(i), 255U));
    row.state = static_cast<State>(state);
    row.lo = in.row_lo(i);
    if (has_net) {
      row.hi = in.row_hi(i);
      row.port = static_cast<uint16_t>(in.row_port(i));
    }
    merge_sync_row(row, peer, from);
  }
  if (!sync_.active) {
    if (sync_.changes > 0) sync_backoff_ms_ = -1;
    return;
  }
  if (!in.sync_last()) return;
  if (in.sync_cursor() == 0 || in.sync_cursor() <= sync_.cursor) {
    finish_sync(true);
    return;
  }
  sync_.cursor = in.sync_cursor();
  ask_page();
}

}  // namespace starling::membership
