// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "builder/core/error.h"
#include "builder/vm/flock.h"
#include "builder/vm/node_view.h"

namespace starling::vm {

// A step did not hold. `node` is the machine at fault (0: none in particular).
struct StepFailed : builder::Error {
  StepFailed(int at, std::string why) : Error(std::move(why)), node(at) {}
  int node;
};

// What the steps of a run share.
struct TestRun {
  Flock& flock;
  Clock::time_point deadline;                 // of the whole run
  nlohmann::json figures = nlohmann::json::object();  // measured values, for the report

  // Runs a shell script on a machine; throws StepFailed if it fails there.
  std::string on_node(int machine, const std::string& script,
                      std::chrono::seconds limit = std::chrono::seconds(60));
  // The flock as the node on this machine sees it.
  NodeView view(int machine);
  // Calls `done` every `pace` until it gives true; StepFailed(machine, what) at the deadline, or
  // as soon as the machine stops running.
  void wait_for(int machine, const std::string& what, std::chrono::milliseconds pace,
                const std::function<bool()>& done);
  // As above with a bound of its own.
  void wait_for(int machine, const std::string& what, std::chrono::milliseconds pace,
                Clock::time_point until, const std::function<bool()>& done);
};

// One thing that is done and asserted. run() gives a few words for the report (may be empty) and
// throws StepFailed.
struct Step {
  std::string name;
  std::function<std::string(TestRun&)> run;
};
using Suite = std::vector<Step>;

// What every suite begins with: power, console, guest agent, membership; with netboot, machine 1
// first.
Suite start_of_suite(const FlockOptions& options);

// Three machines become a flock, one is killed, one leaves.
Suite boot_suite(const FlockOptions& options);
// boot_suite's start with netboot; then the machine that serves is killed, another takes over and
// a fresh machine boots from that one.
Suite failover_suite(const FlockOptions& options);

// Programs started on machine 1 are moved 1 -> 2 -> 3 -> 1 and show what they show unmoved.
Suite migration_suite(const FlockOptions& options);

// The frozen time of a move beside that of CRIU's dump and restore of the same process on the same
// machine; figures in the report. The image must have criu.
Suite criu_suite(const FlockOptions& options);

// The suite of this name; throws builder::Error naming those there are.
Suite find_suite(const std::string& name, const FlockOptions& options);

// Runs the steps in order, up to the first that fails, and prints each with its time, then on
// failure the last console lines of the machine at fault. Gives the report:
// {"ok", "accel", "steps": [{"name", "ok", "seconds", "detail"}], "figures", "logs"}.
nlohmann::json run_suite(const Suite& suite, TestRun& run, std::ostream& out);

// "12.3 s"
std::string in_seconds(Clock::duration time);

}  // namespace starling::vm
