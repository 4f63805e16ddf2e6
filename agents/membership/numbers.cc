// SPDX-License-Identifier: GPL-2.0-or-later
// Node numbers 1, 2, 3 ... without anybody who hands them out.
#include <algorithm>
#include <vector>

#include "agents/membership/member_impl.h"
#include "agents/membership/precedence.h"

namespace starling::membership {

namespace {
// While a first view is still coming in, numbers seen as free may be taken; but not for ever.
constexpr int32_t kListenMostMs = 4000;
}  // namespace

void Member::Impl::run_numbers() {
  if (table_[self_].number != 0 || since(now_, claim_after_) < 0) return;
  const bool view_incomplete = sync_.active || differs_ || wants_all_;
  if (view_incomplete && since(now_, started_at_) < kListenMostMs) return;
  claim_number();
}

void Member::Impl::claim_number() {
  std::vector<bool> taken(kMaxNodes + 2, false);
  uint32_t rank = 0;
  const auto reservation =
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.reservation).count();
  bool wish_taken = false;
  for (size_t i = 0; i < table_.slots(); ++i) {
    const Node& node = table_[static_cast<Slot>(i)];
    if (node.uid == 0 || i == self_) continue;
    if (node.live()) {
      if (node.number == 0) {
        rank += node.uid < options_.uid;
      } else {
        taken[node.number] = true;
        wish_taken |= node.number == wished_number_;
      }
    } else if (node.number != 0 && since(now_, node.since) < reservation &&
               node.uid != options_.previous_uid) {
      // Kept for its machine. Our own old session is no obstacle.
      const bool own =
          node.description != 0 && pool_->get(node.description).machine == options_.machine;
      taken[node.number] = taken[node.number] || !own;
    }
  }
  if (wished_number_ != 0 && wished_number_ <= kMaxNodes && !wish_taken) {
    set_number(wished_number_);
    return;
  }
  // Those who claim at the same moment spread by their rank among the unnumbered.
  for (uint32_t number = 1; number <= kMaxNodes; ++number) {
    if (taken[number]) continue;
    if (rank == 0) {
      set_number(static_cast<uint16_t>(number));
      return;
    }
    --rank;
  }
}

void Member::Impl::set_number(uint16_t number) {
  Node& me = table_[self_];
  me.number = number;
  number_since_ = now_;
  me.origin = now_ - 1;  // a new sequence number with the next word
  refresh_self();
  tell(NewsKind::kAlive, me, now_, 0);
  note(EventKind::kNumberChanged, me);
  if (number == 0) return;
  for (size_t i = 0; i < table_.slots(); ++i) {
    const Node& node = table_[static_cast<Slot>(i)];
    if (node.uid == 0 || i == self_ || !node.live() || node.number != number) continue;
    check_number(node);
    if (me.number != number) return;
  }
}

// `other` is alive and claims our number.
void Member::Impl::check_number(const Node& other) {
  Node& me = table_[self_];
  ++counters_.number_conflicts;
  if (keeps_number(me.tenure, me.uid, other.tenure, other.uid)) {
    // It has to learn of us.
    refresh_self();
    tell(NewsKind::kAlive, me, now_, 0);
    return;
  }
  wished_number_ = 0;
  claim_after_ = now_ + 100 + random_below(400);
  set_number(0);
}

}  // namespace starling::membership
