// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/checked_calls.h"

namespace starling::migrate {

void CheckedCalls::begin() {
  if (batch_.full()) run();
}

std::size_t CheckedCalls::add(const char* what, std::uint64_t nr,
                              std::array<std::uint64_t, 6> args) {
  batch_.add(nr, args);
  whats_.push_back(what);
  return whats_.size() - 1;
}

void CheckedCalls::run() {
  if (batch_.empty()) return;
  const std::size_t first = results_.size();
  batch_.run(tid_);
  for (std::size_t i = first; i < whats_.size(); ++i) {
    results_.push_back(batch_.result(i - first));
    if (whats_[i]) batch_.expect(i - first, whats_[i]);
  }
}

}  // namespace starling::migrate
