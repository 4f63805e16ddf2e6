// SPDX-License-Identifier: GPL-2.0-or-later
// What the flock is given to do. Same seed, same workload, for every policy.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/economy_world.h"

namespace starling::sim {

// Poisson arrivals of jobs with heavy-tailed processor time and memory at random homes of six
// machines of three kinds: the paper's setting (docs/ECONOMY.md says what is known of it).
// `load`: offered work as a share of the capacity. `memory`: of the least job, as a share of the
// biggest machine's.
Workload paper_workload(uint64_t seed, double load, double seconds = 3000, double memory = 0.02);
// make -j: compilations that all start at one home, in layers, each layer ending with a link.
Workload parallel_make(uint64_t seed, uint32_t nodes = 8);
// One program for many parameters, started by a script that keeps 4 per node going: arrivals in a
// trickle at one home, sizes alike.
Workload parameter_sweep(uint64_t seed, uint32_t nodes = 16);
// `jobs` equal processor-bound jobs at once at node 0; `speeds` of the nodes.
Workload burst(uint32_t jobs, const std::vector<double>& speeds, double seconds_each = 60);
// A few jobs per home that grow until they need most of one machine.
Workload memory_hogs(uint64_t seed, uint32_t nodes = 8);
// Half of the jobs wait for devices and call home all the time, half compute.
Workload io_mix(uint64_t seed, uint32_t nodes = 8);
// Homes with work beside machines that come, go, crash and belong to people.
Workload churn(uint64_t seed, uint32_t nodes = 24);
// One part in ten of n nodes has too much to do, everybody else nothing; with arrivals going on.
Workload crowded_tenth(uint64_t seed, uint32_t nodes, double seconds = 60);

// By name, in the size the report shows. Throws std::invalid_argument for an unknown name.
Workload make_workload(const std::string& name, uint64_t seed, uint32_t nodes);
const std::vector<std::string>& workload_names();

}  // namespace starling::sim
