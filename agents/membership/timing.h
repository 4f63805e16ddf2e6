// SPDX-License-Identifier: GPL-2.0-or-later
// Every period, timeout and bound of the protocol in one place. docs/MEMBERSHIP.md derives them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace starling::membership {

// Times kept are moved along with the clock when they are further back, and looked at this often:
// 24 days back they would compare as times to come.
inline constexpr int32_t kOldestMs = 10 * 24 * 3600 * 1000;
inline constexpr int32_t kMoveAlongMs = 3600 * 1000;

// A probe: ask; ask again and through three others; once more; give up. In a big flock once more
// still: every false suspicion is news to all n, and n nodes raise them, so that what a node
// spends on them grows with n unless they are rare.
inline constexpr int32_t kProbeRetryMs = 100;    // upper bound; shorter when answers come quickly
inline constexpr int32_t kProbeStepMs = 200;     // between the questions that follow
inline constexpr int32_t kVerifyGiveUpMs = 300;  // the last questions before a verdict
inline constexpr uint8_t kVerifyQuestions = 3;
inline constexpr size_t kIndirect = 3;

// Up to here every node probes every other in every period.
inline constexpr size_t kSmallFlock = 17;

// Probes per period and node, chosen so that each node is probed often in small flocks and the
// cost per node does not depend on n in big ones.
inline size_t probes_per_period(size_t alive) {
  if (alive <= 1) return 0;
  if (alive <= kSmallFlock) return alive - 1;
  return std::max<size_t>(1, 128 / alive);
}

inline uint8_t probe_questions(size_t alive) {
  return alive <= kSmallFlock ? 3 : 4;
}

// How long a suspect has to answer.
inline int32_t suspicion_ms(size_t alive) {
  if (alive <= kSmallFlock) return 1000;
  return 1000 + static_cast<int32_t>(500 * std::log2(static_cast<double>(alive) / 16.0));
}
// Those who only heard of a suspicion wait a little longer than who raised it.
inline constexpr int32_t kHearsayGraceMs = 400;

// With more suspects than this at once a wire was cut, and who declares them dead may merely be
// deaf to them: then nobody is buried on hearsay.
inline size_t many_trials(size_t alive) {
  return std::max<size_t>(8, alive / 16);
}

// Trials stand still for a while when the dead return, but not more often than this.
inline constexpr uint32_t kAmnestyMs = 4000;
inline constexpr int32_t kAmnestyGapMs = 15000;

// How often one piece of news is passed on.
inline uint32_t news_sends(size_t alive) {
  return 4 + 2 * static_cast<uint32_t>(std::ceil(std::log2(static_cast<double>(alive) + 1)));
}
inline constexpr size_t kMaxNews = 512;
// Older news is history: it is neither passed on nor believed.
inline constexpr int32_t kNewsMaxAgeMs = 20000;

// Beacons of one segment together, per second; each node sends its share.
inline constexpr double kBeaconsPerSecond = 2.0;
// Expected answers to a beacon of a stranger.
inline constexpr double kBeaconAnswers = 3.0;

// Probes of the dead per living node and second: at most one, and at most four per dead node
// from all together.
inline double dead_probe_rate(size_t alive, size_t dead) {
  if (dead == 0 || alive == 0) return 0;
  return std::min(1.0, 4.0 * static_cast<double>(dead) / static_cast<double>(alive));
}

inline constexpr int32_t kSyncPatienceMs = 1000;  // digests must differ this long
inline constexpr int32_t kSyncTimeoutMs = 150;
inline constexpr size_t kSyncBurst = 8;  // pages per request
inline constexpr uint32_t kSyncPagesPerSecond = 1600;
// After a sync that changed nothing the next waits this long for every page it took: the views of
// a big flock that is falling apart differ all the time, and a whole view is 250 pages at 10,000.
inline constexpr int32_t kSyncRestPerPageMs = 20;

// After a cut rolls are asked for, once per period, until none has helped for the first of
// these; a sync waits until none has for the second, and at most for the third.
inline constexpr int32_t kMendingMs = 1000;
inline constexpr int32_t kRollPatienceMs = 500;
inline constexpr int32_t kMendingMostMs = 4000;

inline constexpr int32_t kListenMs = 1000;  // before a number is claimed
inline constexpr int32_t kYoungMs = 5000;   // how long a node asks who it was
inline constexpr int32_t kLateMs = 50;      // a tick this late is our own fault

}  // namespace starling::membership
