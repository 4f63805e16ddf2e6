// SPDX-License-Identifier: GPL-2.0-or-later
// What the age of a board entry should be: the gossip of Amar, Barak, Drezner and Okun
// ("Randomized gossip algorithms for maintaining a distributed bulletin board with guaranteed age
// properties", Concurrency and Computation: Practice and Experience 21, 2009). In each period each
// node sends its w freshest entries to one random node. The share of nodes holding an entry of age
// at most a grows as an epidemic, X(a) = e^a / (n - 1 + e^a), until it is no longer among the w
// freshest (X(T) = w/n), and from then on by the constant chance w/n of being in a message.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace starling::membership {

// Share of nodes whose copy of a given entry is older than `age` periods. `rate`: messages that
// arrive per node and period (1 - loss).
inline double share_older(double age, double n, double w, double rate = 1.0) {
  const double a = age * rate;
  w = std::min(w, n);
  const double turn =
      w < n ? std::log(w * (n - 1) / (n - w)) : std::numeric_limits<double>::infinity();
  if (a <= turn) return (n - 1) / (n - 1 + std::exp(a));
  return (1 - w / n) * std::exp(-(w / n) * (a - turn));
}

// Mean age in periods in the steady state: the integral of the above, which is
// (ln w + n/w - 1) / rate, and ln n / rate when everything fits into one message.
inline double expected_age(double n, double w, double rate = 1.0) {
  w = std::min(w, n);
  return (std::log(w) + n / w - 1) / rate;
}

// Mean age `elapsed` periods after all entries were of age 0 everywhere.
inline double expected_age_after(double elapsed, double n, double w, double rate = 1.0) {
  const int steps = 20000;
  const double step = elapsed / steps;
  double sum = 0;
  for (int i = 0; i < steps; ++i) sum += share_older((i + 0.5) * step, n, w, rate);
  return sum * step;
}

// The oldest of all n entries on all n nodes: the age at which n * n * share_older falls to 1.
inline double expected_oldest(double n, double w, double rate = 1.0) {
  double low = 0, high = 1;
  while (n * n * share_older(high, n, w, rate) > 1) high *= 2;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (n * n * share_older(middle, n, w, rate) > 1 ? low : high) = middle;
  }
  return high;
}

}  // namespace starling::membership
