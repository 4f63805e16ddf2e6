// SPDX-License-Identifier: GPL-2.0-or-later
// After a cut: the roll. A whole view by number, 6 bytes for 32 nodes, so that a flock of 10,000
// fits into two datagrams where a sync takes 250. It says whom the sender holds alive, and counts
// for those we lost before the sender came back to us. Everybody calls for one roll per period,
// from a random node: what one side knows spreads like an epidemic by pulling, in O(log n) periods,
// even if there were a hundred sides.
#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <vector>

#include "agents/membership/member_impl.h"
#include "agents/membership/precedence.h"
#include "agents/membership/wire.pb.h"

namespace starling::membership {

namespace {
constexpr size_t kBlockNodes = 32;
constexpr size_t kBlocks = kMaxNodes / kBlockNodes + 1;
constexpr size_t kBlocksEach = 180;  // per datagram: 1,080 bytes
constexpr int32_t kAskGapMs = 150;   // at most one per period

// Who they are: the sum of these over all whose bits are set.
uint16_t check_of(uint64_t uid) {
  return static_cast<uint16_t>(mix(uid) >> 16);
}
}  // namespace

// Somebody lost in a cut was heard again: the wire is mended, at least partly.
void Member::Impl::met_again(Slot slot) {
  if (!mending()) {
    mending_ = mended_ = true;
    mending_since_ = roll_helped_at_ = now_;
    roll_asked_at_ = now_ - kAskGapMs;
    // What was asked before now was asked into the void, and what we told came of that.
    drop_probes();
    news_.drop_accusations();
  }
  mending_until_ = now_ + kMendingMs;
  returned_ = table_[slot].uid;
  ask_roll(slot);
}

void Member::Impl::run_mending() {
  if (mended_ && since(now_, mending_since_) > kNewsMaxAgeMs) mended_ = false;
  if (!mending()) {
    mending_ = false;
    return;
  }
  // Who came back speaks for the other side; everybody for what he gathered since.
  Slot slot = uniform() < 0.5 ? table_.find(returned_) : kNoSlot;
  if (slot == kNoSlot || !table_[slot].live()) slot = random_live();
  if (slot != kNoSlot) ask_roll(slot);
}

void Member::Impl::ask_roll(Slot slot) {
  if (dead_.size() + suspects_ == 0 || since(now_, roll_asked_at_) < kAskGapMs) return;
  roll_asked_at_ = now_;
  static thread_local wire::Datagram out;
  begin(out);
  out.set_ping(next_token());
  out.set_want_roll(true);
  ship(out, address_of(table_[slot]));
}

void Member::Impl::give_roll(const Address& to) {
  std::array<uint32_t, kBlocks> bits{};
  std::array<uint16_t, kBlocks> checks{};
  size_t blocks = 0;
  for (size_t i = 0; i < table_.slots(); ++i) {
    const Node& node = table_[static_cast<Slot>(i)];
    if (node.uid == 0 || node.number == 0 || node.state != State::kAlive) continue;
    const size_t block = node.number / kBlockNodes;
    bits[block] |= 1U << (node.number % kBlockNodes);
    checks[block] = static_cast<uint16_t>(checks[block] + check_of(node.uid));
    blocks = std::max(blocks, block + 1);
  }
  if (!spend_pages(static_cast<uint32_t>((blocks + kBlocksEach - 1) / kBlocksEach))) return;
  static thread_local wire::Datagram out;
  for (size_t first = 0; first < blocks; first += kBlocksEach) {
    begin(out);
    out.set_roll_first(static_cast<uint32_t>(first * kBlockNodes));
    std::string& roll = *out.mutable_roll();
    for (size_t block = first; block < std::min(blocks, first + kBlocksEach); ++block) {
      for (int shift = 0; shift < 32; shift += 8) {
        roll.push_back(static_cast<char>(bits[block] >> shift & 0xff));
      }
      roll.push_back(static_cast<char>(checks[block] & 0xff));
      roll.push_back(static_cast<char>(checks[block] >> 8));
    }
    ++counters_.rolls_out;
    ship(out, to);
  }
}

void Member::Impl::take_roll(const wire::Datagram& in, Slot sender, Millis arrived) {
  ++counters_.rolls_in;
  if (dead_.size() + suspects_ == 0) return;
  const std::string& roll = in.roll();
  const uint32_t first = in.roll_first();
  const auto count = static_cast<uint32_t>(roll.size() / kRollBlock * kBlockNodes);
  // Whom we know by a number: of a machine's sessions the one heard of last.
  static thread_local std::vector<Slot> by_number;
  by_number.assign(count, kNoSlot);
  for (size_t i = 0; i < table_.slots(); ++i) {
    const Node& node = table_[static_cast<Slot>(i)];
    if (node.uid == 0 || node.number == 0 || node.state == State::kLeft) continue;
    const uint32_t at = node.number - first;  // wraps below the first
    if (at >= count) continue;
    Slot& slot = by_number[at];
    if (slot == kNoSlot || since(node.life, table_[slot].life) > 0) slot = static_cast<Slot>(i);
  }
  const auto byte = [&roll](size_t at) {
    return static_cast<uint32_t>(static_cast<uint8_t>(roll[at]));
  };
  const Node peer = table_[sender];
  size_t revived = 0;
  for (uint32_t block = 0; block * kRollBlock < roll.size(); ++block) {
    const size_t at = block * kRollBlock;
    const uint32_t bits = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
    const auto check = static_cast<uint16_t>(byte(at + 4) | byte(at + 5) << 8);
    const Slot* slots = &by_number[block * kBlockNodes];
    uint16_t sum = 0;
    bool lost = false;
    for (uint32_t rest = bits; rest != 0; rest &= rest - 1) {
      const Slot slot = slots[std::countr_zero(rest)];
      if (slot == kNoSlot) continue;  // the sum will differ
      sum = static_cast<uint16_t>(sum + check_of(table_[slot].uid));
      lost |= table_[slot].state != State::kAlive;
    }
    // They are not whom we know by these numbers: a sync will tell.
    if (!lost || sum != check) continue;
    for (uint32_t rest = bits; rest != 0; rest &= rest - 1) {
      const Slot slot = slots[std::countr_zero(rest)];
      if (slot == kNoSlot || !speaks_for_other_side(peer, table_[slot])) continue;
      revive(slot, arrived, table_[slot].incarnation);
      ++revived;
    }
  }
  counters_.roll_revivals += revived;
  if (revived == 0) return;
  roll_helped_at_ = now_;
  if (mending_) mending_until_ = now_ + kMendingMs;
}

}  // namespace starling::membership
