// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

namespace starling::daemon {

// How fast one processor of this machine computes: 1000 is about one 3 GHz core of 2012. Counts
// the CPU time of the calling thread for a fixed mixture of integer, branching, memory and
// floating-point work, so other load hardly matters; the median of several runs. Takes 30 to
// 300 ms.
std::uint32_t measure_speed();

}  // namespace starling::daemon
