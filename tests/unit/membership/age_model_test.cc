// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/membership/age_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/sim/network.h"

namespace starling::membership {
namespace {

TEST(AgeModel, ClosedFormIsTheIntegral) {
  for (const double n : {8.0, 100.0, 1000.0, 10000.0}) {
    for (const double rate : {1.0, 0.9}) {
      const double closed = expected_age(n, 40, rate);
      EXPECT_NEAR(expected_age_after(40 * closed, n, 40, rate), closed, closed * 0.01) << n;
    }
  }
}

TEST(AgeModel, ShareOlderFallsFromOneToZeroWithoutAJump) {
  double previous = 1;
  for (double age = 0; age < 2000; age += 0.25) {
    const double share = share_older(age, 1000, 40);
    EXPECT_LE(share, previous);
    EXPECT_LT(previous - share, 0.2);
    previous = share;
  }
  EXPECT_LT(previous, 1e-6);
}

// The formula against the process it describes, in rounds and with nothing of the product in it.
TEST(AgeModel, AgreesWithDirectSimulationOfThePaper) {
  constexpr size_t kNodes = 200, kWindow = 20, kRounds = 400;
  sim::Random random(3);
  std::vector<std::vector<double>> age(kNodes, std::vector<double>(kNodes, 100));
  double sum = 0;
  size_t samples = 0;
  for (size_t round = 0; round < kRounds; ++round) {
    auto next = age;
    for (size_t i = 0; i < kNodes; ++i) {
      std::vector<size_t> order(kNodes);
      for (size_t j = 0; j < kNodes; ++j) order[j] = j;
      age[i][i] = next[i][i] = 0;
      std::nth_element(order.begin(), order.begin() + kWindow, order.end(),
                       [&](size_t a, size_t b) { return age[i][a] < age[i][b]; });
      const size_t to = random.below(kNodes);
      for (size_t k = 0; k < kWindow; ++k) {
        next[to][order[k]] = std::min(next[to][order[k]], age[i][order[k]]);
      }
    }
    for (auto& row : next) {
      for (double& a : row) ++a;
    }
    age = next;
    if (round < kRounds / 2) continue;
    for (const auto& row : age) {
      for (const double a : row) sum += a;
      samples += row.size();
    }
  }
  const double mean = sum / static_cast<double>(samples);
  EXPECT_NEAR(mean, expected_age(kNodes, kWindow), 0.25 * mean);
}

}  // namespace
}  // namespace starling::membership
