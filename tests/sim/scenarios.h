// SPDX-License-Identifier: GPL-2.0-or-later
// What is done to a flock, and the figures that come of it. Used by sim_membership for people and
// by the ctest cases, which put bounds on the figures.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/sim/network.h"

namespace starling::sim {

struct Setting {
  uint32_t nodes = 16;
  double loss = 0;
  uint64_t seed = 1;
  double seconds = 60;  // how long the main part lasts, in virtual time
  double drift = 50e-6;
  std::string shape = "halves";  // of a cut: one of shapes()
  bool verbose = false;          // tells of the progress of healing on stderr
};

using Figures = std::map<std::string, double>;
using Scenario = Figures (*)(const Setting&);

// Nothing happens: ages against expectation, bytes, CPU, false suspicions and deaths.
Figures steady(const Setting& setting);
// All nodes are switched on within a second.
Figures cold_start(const Setting& setting);
// One node joins a flock that is up.
Figures join(const Setting& setting);
// Nodes die one after the other, without a word.
Figures kill(const Setting& setting);
// The network is cut for `seconds` and mended.
Figures partition(const Setting& setting);
// One node cannot be heard by another (one direction only).
Figures one_way(const Setting& setting);
// Processes stop for less than a suspicion lasts, and for much longer.
Figures pause(const Setting& setting);
// Nodes leave, crash, restart and join all the time; then quiet.
Figures churn(const Setting& setting);
// Nodes say goodbye, and restart.
Figures leave_and_restart(const Setting& setting);

// halves; one against the rest; thirds; ten islands of a tenth each; a hundred fragments; oneway:
// the second half hears the first, but is not heard by it.
const std::vector<std::string>& shapes();

const std::map<std::string, Scenario>& scenarios();

}  // namespace starling::sim
