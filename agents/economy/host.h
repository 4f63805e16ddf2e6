// SPDX-License-Identifier: GPL-2.0-or-later
// The host's side after the guests came: which of them have to leave.
#pragma once

#include <span>
#include <vector>

#include "agents/economy/model.h"
#include "agents/economy/residency.h"

namespace starling::economy {

struct Guest {
  ProcessId id = 0;  // the host's own name for it
  double memory = 0;
  double memory_growth = 0;
};

struct Expulsion {
  ProcessId id = 0;
  Cause cause = Cause::kOwner;
};

// All, and straight home, when the owner is at the keyboard; when `missing` bytes are short
// (MemoryWatch), as few as give them: the machine's own processes do not have to make room for
// guests. These are not sent home, which may be shorter still: their homes are told and decide
// where they go.
std::vector<Expulsion> guests_to_expel(const Machine& self, std::span<const Guest> guests,
                                       double missing);

}  // namespace starling::economy
