// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/membership/precedence.h"

#include <gtest/gtest.h>

namespace starling::membership {
namespace {

Node node_at(State state, Millis since_ms, Millis life, uint16_t incarnation = 3) {
  Node node;
  node.uid = 1;
  node.state = state;
  node.since = since_ms;
  node.life = life;
  node.incarnation = incarnation;
  return node;
}

TEST(Precedence, ProofOfLifeAfterTheAccusationLiftsIt) {
  const Node suspect = node_at(State::kSuspect, 1000, 900);
  EXPECT_TRUE(lifts(suspect, 1000 + kClockMarginMs + 1, 3));
  EXPECT_FALSE(lifts(suspect, 1000 + kClockMarginMs, 3)) << "within the error of two clocks";
  EXPECT_FALSE(lifts(suspect, 950, 3));
}

TEST(Precedence, HigherIncarnationLiftsWhateverTheClocksSay) {
  const Node suspect = node_at(State::kSuspect, 1000, 900);
  EXPECT_TRUE(lifts(suspect, 10, 4));
  EXPECT_FALSE(lifts(suspect, 10, 3));
}

TEST(Precedence, AccusationsOfThePastAreVoid) {
  const Node node = node_at(State::kAlive, 0, 1000);
  EXPECT_FALSE(accuses(node, 1000, 3));
  EXPECT_FALSE(accuses(node, 900, 3));
  EXPECT_TRUE(accuses(node, 1001, 3));
  EXPECT_FALSE(accuses(node, 2000, 2)) << "about an incarnation left behind";
}

TEST(Precedence, TimesComparedAcrossTheWrapOfTheClock) {
  const Millis before = 0xfffffff0U, after = 0x100U;
  EXPECT_GT(since(after, before), 0);
  EXPECT_TRUE(lifts(node_at(State::kSuspect, before, before - 10), after, 0));
  EXPECT_TRUE(accuses(node_at(State::kAlive, 0, before, 0), after, 0));
}

TEST(Precedence, VerdictsFromTheOtherSideOfACutAreNotTrusted) {
  // The accuser was dead to us until 2000: what he concluded before says nothing.
  const Node accuser = node_at(State::kAlive, 2000, 2500);
  EXPECT_FALSE(trusts_verdict(accuser, 1500));
  EXPECT_TRUE(trusts_verdict(accuser, 2100));
  EXPECT_FALSE(trusts_verdict(node_at(State::kDead, 1000, 900), 2100));
}

TEST(Precedence, ThoseWhoCameBackLaterSpeakForTheirSide) {
  const Node dead = node_at(State::kDead, 1000, 500);
  EXPECT_TRUE(speaks_for_other_side(node_at(State::kAlive, 2000, 2000), dead));
  EXPECT_FALSE(speaks_for_other_side(node_at(State::kAlive, 100, 2000), dead))
      << "it was with us when we buried the node and may just not have heard";
  EXPECT_FALSE(
      speaks_for_other_side(node_at(State::kAlive, 2000, 2000), node_at(State::kLeft, 1000, 500)))
      << "who said goodbye is gone on all sides";
  EXPECT_TRUE(speaks_for_other_side(node_at(State::kAlive, 2000, 2000),
                                    node_at(State::kSuspect, 1000, 500)))
      << "a short cut leaves suspects, not dead";
}

TEST(Precedence, TenureIsCoarseAndGrows) {
  EXPECT_EQ(tenure_of(0), 0);
  EXPECT_EQ(tenure_of(1), 1);
  EXPECT_EQ(tenure_of(62), 5);
  EXPECT_EQ(tenure_of(63), 6);
  EXPECT_EQ(tenure_of(0xffffffffU), 32);
}

// Whatever (monotonously ageing) records two claimants have of each other, never both yield; and
// with equal records exactly one does.
TEST(Precedence, TwoClaimantsOfANumberNeverBothYield) {
  for (int a_seen = 0; a_seen < 6; ++a_seen) {
    for (int a_now = a_seen; a_now < 6; ++a_now) {
      for (int b_seen = 0; b_seen < 6; ++b_seen) {
        for (int b_now = b_seen; b_now < 6; ++b_now) {
          const auto t = [](int v) { return static_cast<uint8_t>(v); };
          const bool a_stays = keeps_number(t(a_now), 10, t(b_seen), 20);
          const bool b_stays = keeps_number(t(b_now), 20, t(a_seen), 10);
          EXPECT_TRUE(a_stays || b_stays);
          if (a_seen == a_now && b_seen == b_now) {
            EXPECT_NE(a_stays, b_stays);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace starling::membership
