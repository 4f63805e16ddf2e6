// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/economy/host.h"

#include <algorithm>

namespace starling::economy {

std::vector<Expulsion> guests_to_expel(const Machine& self, std::span<const Guest> guests,
                                       double missing) {
  std::vector<Expulsion> out;
  if (self.owner_present) {
    for (const Guest& g : guests) out.push_back({g.id, Cause::kOwner});
    return out;
  }
  if (missing <= 0) return out;
  std::vector<Guest> by_size(guests.begin(), guests.end());
  std::ranges::sort(by_size, {}, [](const Guest& g) { return g.memory; });
  // The smallest that suffices alone, else the biggest first.
  const auto enough =
      std::ranges::find_if(by_size, [&](const Guest& g) { return g.memory >= missing; });
  if (enough != by_size.end()) return {{enough->id, Cause::kMemory}};
  for (auto it = by_size.rbegin(); it != by_size.rend() && missing > 0; ++it) {
    if (it->memory <= 0) break;
    out.push_back({it->id, Cause::kMemory});
    missing -= it->memory;
  }
  return out;
}

}  // namespace starling::economy
