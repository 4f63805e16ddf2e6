// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/membership/news.h"

#include <gtest/gtest.h>

#include "agents/membership/timing.h"

namespace starling::membership {
namespace {

News about(uint64_t uid, NewsKind kind = NewsKind::kDead, Millis raised = 1000) {
  return News{uid, 99, raised, 0, kind, 0};
}

TEST(NewsQueue, OnePieceOfNewsPerNode) {
  NewsQueue queue;
  queue.add(about(1, NewsKind::kSuspect));
  queue.add(about(1, NewsKind::kDead));
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(queue.find(1)->kind, NewsKind::kDead);
  queue.drop(1);
  EXPECT_TRUE(queue.empty());
}

TEST(NewsQueue, DropsAccusationsAndKeepsTheRest) {
  NewsQueue queue;
  queue.add(about(1, NewsKind::kSuspect));
  queue.add(about(2, NewsKind::kDead));
  queue.add(about(3, NewsKind::kAlive));
  queue.add(about(4, NewsKind::kLeft));
  queue.drop_accusations();
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_NE(queue.find(3), nullptr);
  EXPECT_NE(queue.find(4), nullptr);
}

TEST(NewsQueue, TheLeastToldGoesFirst) {
  NewsQueue queue;
  std::vector<News> out;
  queue.add(about(1));
  queue.take(1, 10, 1000, 60000, out);
  queue.add(about(2));
  out.clear();
  queue.take(1, 10, 1000, 60000, out);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].uid, 2U);
}

TEST(NewsQueue, ForgetsWhatWasToldOftenEnoughOrIsOld) {
  NewsQueue queue;
  std::vector<News> out;
  queue.add(about(1));
  for (int i = 0; i < 5; ++i) queue.take(4, 3, 1000, 60000, out);
  EXPECT_EQ(out.size(), 3U);
  EXPECT_TRUE(queue.empty());
  queue.add(about(2, NewsKind::kDead, 1000));
  queue.take(4, 3, 1000 + 20001, 20000, out);
  EXPECT_EQ(out.size(), 3U);
}

TEST(NewsQueue, IsBounded) {
  NewsQueue queue;
  for (uint64_t uid = 1; uid <= 3 * kMaxNews; ++uid) queue.add(about(uid));
  EXPECT_EQ(queue.size(), kMaxNews);
  EXPECT_NE(queue.find(3 * kMaxNews), nullptr);
}

}  // namespace
}  // namespace starling::membership
