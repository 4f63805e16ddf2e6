// SPDX-License-Identifier: GPL-2.0-or-later
// What it costs the flock that a process runs on a machine, in one unitless currency.
//
// Y. Amir, B. Awerbuch, A. Barak, R. S. Borgstrom, A. Keren, "An Opportunity Cost Approach for Job
// Assignment in a Scalable Computing Cluster", IEEE TPDS 11(7), 2000: a machine costs the sum over
// its resources of n^(used/max), n being the number of machines; a job belongs where its marginal
// cost is least; an unknown maximum is found by doubling. The paper has processors and memory; the
// process's own time, its tie to home, the pages it drags and the owner's wishes are ours and
// enter the same exponents (docs/ECONOMY.md derives them).
//
// Pure functions: no input/output, no clock, no state.
#pragma once

#include <chrono>
#include <cstdint>

namespace starling::economy {

// Since any fixed moment; every call takes it as a parameter.
using Time = std::chrono::duration<double>;  // seconds

using NodeId = std::uint64_t;     // session of a node, as the membership knows it; 0: nobody
using ProcessId = std::uint64_t;  // of a process, unique at its home for the life of the node

// A node as it is, or as another node believes it to be.
struct Machine {
  NodeId id = 0;
  double cpus = 1;          // processors
  double speed = 1;         // of one processor; 1: the standard processor
  double load = 0;          // threads that run or want to
  double memory_total = 0;  // bytes
  double memory_free = 0;   // bytes programs could have without swapping
  double memory_trend = 0;  // bytes per second it shrinks by; known of oneself only
  std::uint64_t features = ~std::uint64_t{0};  // CPU feature bits offered; all: not known
  Time round_trip{0};          // of one forwarded call, from it to the home and back
  double weight = 1;           // owner's: the share of the machine that guests may count on, 0 to 1
  bool blocked = false;        // takes no guests
  bool owner_present = false;  // somebody works at it: guests leave at once
};

struct Process {
  ProcessId id = 0;
  double threads = 1;          // that run or want to, on average: a waiting thread counts nothing
  double memory = 0;           // bytes resident
  double memory_growth = 0;    // bytes per second
  double calls = 0;            // calls that would be forwarded, per second of its processor time
  double cpu_used = 0;         // seconds of processor time so far
  std::uint64_t features = 0;  // CPU feature bits it needs
  double reluctance = 0;  // owner's wish to keep it at home: added to every other machine's cost
};

struct Settings {
  double bandwidth = 100e6;      // bytes per second a process is dragged with
  double freeze = 0.02;          // seconds a process stands still when it moves
  double call_overhead = 30e-6;  // seconds a forwarded call takes beyond the round trip
  double memory_reserve = 0.06;  // share of the memory that no newcomer is given
  double memory_alarm = 0.02;    // share that must not be touched: below, somebody has to leave
  double foresight = 30;         // seconds of growth a newcomer has to have room for
  double thrash = 10;            // how many times slower a machine is that swaps
  double least_life = 1;         // seconds a process is expected to run on that has only begun
  double hysteresis = 0.1;       // share of a process's present delay that a move has to save
};

// In which scale costs are meant. A request for a reservation carries the asker's, so that both
// sides mean the same.
struct Scale {
  double nodes = 2;  // in the flock: the base, at least 2
  double top = 1;    // most load per capacity the asker has to reckon with (a power of two)
};

// How a process would come to be on the machine.
struct Route {
  bool at_home = false;  // calls need not be forwarded
  bool arrives = false;  // it is not there yet: there has to be room
  bool drags = false;    // its memory has to be brought over
};

enum class Obstacle : std::uint8_t {
  kNone,
  kBlocked,
  kOwner,     // the owner is at the keyboard
  kFeatures,  // the processor lacks what the process may use
  kMemory,    // no room
};
// For people, as part of a sentence; nullptr for kNone.
const char* describe(Obstacle obstacle);

// The marginal cost, by what causes it.
struct Cost {
  double cpu = 0;     // what the others on the machine lose
  double memory = 0;  // the memory's getting scarce
  double own = 0;     // the process's own time
  double calls = 0;   // more own time because calls are forwarded
  double drag = 0;    // more own time because memory has to be dragged
  double wishes = 0;  // of the owner
  double delay = 0;   // for information: seconds a second of standard processor time takes
  Obstacle obstacle = Obstacle::kNone;

  bool possible() const { return obstacle == Obstacle::kNone; }
  double time() const { return cpu + own + calls + drag + wishes; }  // without memory
  double total() const { return time() + memory; }
};

// `machine` without the process itself: who asks what staying costs takes it off first.
// Finite for every finite argument; figures out of range are taken as the nearest in range.
Cost marginal_cost(const Process& process, const Machine& machine, Route route, const Scale& scale,
                   const Settings& settings);

// Load in units of one standard processor, and its share of the capacity that is reckoned with.
double load_per_capacity(const Machine& machine);

// How many times less a machine has to cost before a process moves there, given what staying costs.
double least_ratio(const Cost& stay, const Scale& scale, const Settings& settings);

// Seconds it takes to bring the process's memory over.
double drag_seconds(const Process& process, const Settings& settings);

// Whether leaving is worth it. Memory alone moves nobody unless it is short: `memory_short`.
bool worth_moving(const Cost& stay, const Cost& there, bool memory_short, const Scale& scale,
                  const Settings& settings);

}  // namespace starling::economy
