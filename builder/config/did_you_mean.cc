// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/config/did_you_mean.h"

#include <algorithm>
#include <cstdlib>

namespace starling::builder {

int edit_distance(std::string_view a, std::string_view b, int limit) {
  const int too_far = limit + 1;
  if (std::abs(static_cast<long>(a.size()) - static_cast<long>(b.size())) > limit) return too_far;
  std::vector<int> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    int least = row[0];
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
      least = std::min(least, row[j]);
    }
    if (least > limit) return too_far;
    before.swap(last);
    last.swap(row);
  }
  return std::min(last[b.size()], too_far);
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  // A third of the letters may be wrong, three at most: more is a different word.
  const int limit = std::min<int>(3, static_cast<int>(word.size() + 2) / 3);
  std::string best;
  int best_distance = limit + 1;
  for (const auto& candidate : known) {
    int distance = edit_distance(word, candidate, limit);
    // "package" for "packages", "patches" for "kernel-patches"
    if (distance > limit && word.size() >= 4 &&
        (candidate.starts_with(word) || candidate.ends_with(word)))
      distance = limit;
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace starling::builder
