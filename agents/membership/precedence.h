// SPDX-License-Identifier: GPL-2.0-or-later
// Which of two statements about a node wins. Pure functions; docs/MEMBERSHIP.md argues them.
#pragma once

#include <cstdint>

#include "agents/membership/table.h"

namespace starling::membership {

// Clocks of two nodes and unaccounted transit (the wire, not queues) may differ by this much.
inline constexpr int32_t kClockMarginMs = 20;

// A proof of life made after the accusation or verdict, or an answer to it (a higher incarnation),
// lifts it.
inline bool lifts(const Node& accused, Millis life, uint32_t incarnation) {
  return incarnation > accused.incarnation || since(life, accused.since) > kClockMarginMs;
}

// An accusation or verdict counts unless there is proof of life after it, or it is about an
// incarnation the node has left behind.
inline bool accuses(const Node& node, Millis raised, uint32_t incarnation) {
  return incarnation >= node.incarnation && since(raised, node.life) > 0;
}

// A verdict from somebody who was himself held dead when he reached it says that a wire was cut,
// not that a node died.
inline bool trusts_verdict(const Node& accuser, Millis raised) {
  return accuser.live() && since(raised, accuser.since) >= 0;
}

// The other way round: a peer who came back after we accused or buried `lost` was on the other
// side of a cut and speaks for that side.
inline bool speaks_for_other_side(const Node& peer, const Node& lost) {
  return peer.live() && (lost.state == State::kDead || lost.state == State::kSuspect) &&
         since(peer.since, lost.since) > 0;
}

// Two live nodes with one number: true if `mine` stays. Literal values from the two records, so
// that both sides judge the same pair. Tenure only grows while a number is held: therefore both
// can never yield to each other, and both can only stay until the next exchange.
inline bool keeps_number(uint8_t my_tenure, uint64_t my_uid, uint8_t tenure, uint64_t uid) {
  return my_tenure != tenure ? my_tenure > tenure : my_uid < uid;
}

// Tenure as carried: floor(log2(seconds + 1)); coarse, so that a moment of travel rarely matters.
inline uint8_t tenure_of(uint32_t seconds_held) {
  uint8_t bucket = 0;
  for (uint64_t s = static_cast<uint64_t>(seconds_held) + 1; s > 1; s >>= 1) ++bucket;
  return bucket;
}

}  // namespace starling::membership
