// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/move_admission.h"

#include <algorithm>

namespace starling::daemon {

MoveAdmission::Verdict MoveAdmission::admit(const Address6& peer, std::size_t guests, TimeNs now) {
  const Verdict verdict = judge(peer, guests, now);
  ++counts_[static_cast<std::size_t>(verdict)];
  return verdict;
}

MoveAdmission::Verdict MoveAdmission::judge(const Address6& address, std::size_t guests,
                                            TimeNs now) {
  if (blocked_) return Verdict::kBlocked;
  auto found = peers_.find(address);
  if (found == peers_.end()) {
    if (peers_.size() >= limits_.peers) {
      peers_.erase(std::min_element(peers_.begin(), peers_.end(), [](const auto& a, const auto& b) {
        return a.second.heard < b.second.heard;
      }));
    }
    found =
        peers_.emplace(address, Peer{{limits_.per_peer_per_second, limits_.per_peer_burst}, now})
            .first;
  }
  found->second.heard = now;
  // Before the count of guests: a full node is not to be asked without end either.
  if (!found->second.bucket.take(now)) return Verdict::kTooFast;
  return guests >= limits_.guests ? Verdict::kFull : Verdict::kYes;
}

}  // namespace starling::daemon
