// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/move_admission.h"

#include <gtest/gtest.h>

namespace starling::daemon {
namespace {

using Verdict = MoveAdmission::Verdict;

Address6 peer(std::uint8_t last) {
  Address6 a{0xfe, 0x80};
  a[15] = last;
  return a;
}

MoveAdmission::Limits limits() {
  MoveAdmission::Limits l;
  l.guests = 3;
  l.per_peer_per_second = 2;
  l.per_peer_burst = 4;
  l.peers = 2;
  return l;
}

TEST(MoveAdmission, CountsGuests) {
  MoveAdmission a(limits());
  EXPECT_EQ(a.admit(peer(1), 2, kSecond), Verdict::kYes);
  EXPECT_EQ(a.admit(peer(1), 3, kSecond), Verdict::kFull);
  EXPECT_EQ(a.count(Verdict::kYes), 1u);
  EXPECT_EQ(a.count(Verdict::kFull), 1u);
}

TEST(MoveAdmission, BlockedTakesNobody) {
  MoveAdmission a(limits());
  a.block(true);
  EXPECT_EQ(a.admit(peer(1), 0, kSecond), Verdict::kBlocked);
  a.block(false);
  EXPECT_EQ(a.admit(peer(1), 0, kSecond), Verdict::kYes);
}

TEST(MoveAdmission, HoldsEachPeerToItsRate) {
  MoveAdmission a(limits());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(a.admit(peer(1), 0, kSecond), Verdict::kYes);
  EXPECT_EQ(a.admit(peer(1), 0, kSecond), Verdict::kTooFast);
  EXPECT_EQ(a.admit(peer(2), 0, kSecond), Verdict::kYes);  // not another's fault
  EXPECT_EQ(a.admit(peer(1), 0, kSecond + kSecond / 2), Verdict::kYes);
  EXPECT_EQ(a.admit(peer(1), 0, kSecond + kSecond / 2), Verdict::kTooFast);
}

TEST(MoveAdmission, FullNodeIsNotAskedWithoutEnd) {
  MoveAdmission a(limits());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(a.admit(peer(1), 3, kSecond), Verdict::kFull);
  EXPECT_EQ(a.admit(peer(1), 3, kSecond), Verdict::kTooFast);
}

TEST(MoveAdmission, ForgetsThePeerUnheardForLongest) {
  MoveAdmission a(limits());
  for (int i = 0; i < 4; ++i) a.admit(peer(1), 0, kSecond);
  a.admit(peer(2), 0, kSecond + 1);
  a.admit(peer(1), 0, kSecond + 2);                            // too fast, and heard
  EXPECT_EQ(a.admit(peer(3), 0, kSecond + 3), Verdict::kYes);  // in place of 2
  EXPECT_EQ(a.admit(peer(1), 0, kSecond + 4), Verdict::kTooFast);
}

}  // namespace
}  // namespace starling::daemon
