// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>

#include "agents/common/bytes.h"
#include "agents/common/clock.h"
#include "agents/common/token_bucket.h"

namespace starling::daemon {

// Which connections of would-be guests are let to a handshake. A handshake costs a process and some
// arithmetic before the other side has proven anything, so that strangers are held to a rate; how
// many guests there may be is the administrator's affair. Sans I/O.
class MoveAdmission {
 public:
  enum class Verdict { kYes, kBlocked, kFull, kTooFast };

  struct Limits {
    std::size_t guests = 256;
    double per_peer_per_second = 50;
    double per_peer_burst = 128;  // a hundred processes may well be moved here at once
    std::size_t peers = 1024;     // remembered; the one unheard for longest is forgotten
  };

  explicit MoveAdmission(const Limits& limits) : limits_(limits) {}

  // `guests` counts those whose handshake is under way, too.
  Verdict admit(const Address6& peer, std::size_t guests, TimeNs now);

  void block(bool on) { blocked_ = on; }
  bool blocked() const { return blocked_; }
  const Limits& limits() const { return limits_; }
  std::uint64_t count(Verdict v) const { return counts_[static_cast<std::size_t>(v)]; }

 private:
  struct Peer {
    TokenBucket bucket;
    TimeNs heard;
  };

  Verdict judge(const Address6& peer, std::size_t guests, TimeNs now);

  Limits limits_;
  bool blocked_ = false;
  std::map<Address6, Peer> peers_;
  std::array<std::uint64_t, 4> counts_{};
};

}  // namespace starling::daemon
