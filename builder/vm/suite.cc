// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/suite.h"

#include <iomanip>
#include <sstream>

#include "builder/core/interrupt.h"
#include "builder/vm/pause.h"
#include "builder/vm/serial_log.h"

namespace starling::vm {
namespace {

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

// The words of a failed step and, if a machine is at fault, the end of what it said.
void explain(const std::string& why, int culprit, Flock& flock, std::ostream& out) {
  out << "      " << why << '\n';
  if (culprit == 0) return;
  try {
    const auto& machine = flock.machine(culprit);
    out << "  the console of node " << culprit << " ends with (" << machine.serial_log().native()
        << "):\n";
    std::istringstream lines(last_lines(machine.serial_log(), 25));
    for (std::string line; std::getline(lines, line);) out << "    | " << line << '\n';
    if (const auto words = last_lines(machine.qemu_log(), 5); !words.empty())
      out << "  QEMU says:\n    " << words << '\n';
  } catch (const builder::Error&) {
    out << "  (machine " << culprit << " is off)\n";
  }
}

}  // namespace

std::string in_seconds(Clock::duration time) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << seconds(time) << " s";
  return text.str();
}

std::string TestRun::on_node(int machine, const std::string& script, std::chrono::seconds limit) {
  GuestResult result;
  try {
    result = flock.machine(machine).agent().shell(
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH\n" + script, limit);
  } catch (const builder::Interrupted&) {
    throw;
  } catch (const builder::Error& e) {
    throw StepFailed(machine, "node " + std::to_string(machine) + ": " + e.what());
  }
  if (result.status != 0)
    throw StepFailed(machine, "node " + std::to_string(machine) + ": '" + script + "' gave status " +
                                  std::to_string(result.status) + ": " + result.err + result.out);
  return result.out;
}

NodeView TestRun::view(int machine) {
  return parse_node_view(on_node(machine, "mosctl nodes --all --json"));
}

void TestRun::wait_for(int machine, const std::string& what, std::chrono::milliseconds pace,
                       const std::function<bool()>& done) {
  wait_for(machine, what, pace, deadline, done);
}

void TestRun::wait_for(int machine, const std::string& what, std::chrono::milliseconds pace,
                       Clock::time_point until, const std::function<bool()>& done) {
  while (!done()) {
    const auto where = "node " + std::to_string(machine) + ": ";
    if (!flock.machine(machine).runs())
      throw StepFailed(machine, where + "QEMU ended while waiting: " + what);
    if (Clock::now() >= until) throw StepFailed(machine, where + "not in time: " + what);
    pause_for(pace);
  }
}

Suite find_suite(const std::string& name, const FlockOptions& options) {
  if (name == "boot") return boot_suite(options);
  if (name == "failover") return failover_suite(options);
  if (name == "migration") return migration_suite(options);
  if (name == "criu") return criu_suite(options);
  throw builder::Error("there is no suite '" + name + "'")
      .hint("one of boot, failover, migration, criu");
}

nlohmann::json run_suite(const Suite& suite, TestRun& run, std::ostream& out) {
  using nlohmann::json;
  json steps = json::array();
  bool ok = true;
  const auto begin = Clock::now();
  for (size_t i = 0; i < suite.size() && ok; ++i) {
    const auto& step = suite[i];
    const auto start = Clock::now();
    std::string detail;
    int culprit = 0;
    try {
      detail = step.run(run);
    } catch (const builder::Interrupted&) {
      throw;
    } catch (const builder::Error& e) {
      ok = false;
      detail = e.what();
      if (const auto* failed = dynamic_cast<const StepFailed*>(&e)) culprit = failed->node;
    }
    const auto time = Clock::now() - start;
    out << std::setw(2) << i + 1 << '/' << suite.size() << (ok ? "  ok    " : "  FAIL  ")
        << std::setw(8) << in_seconds(time) << "  " << step.name;
    if (ok && !detail.empty()) out << ": " << detail;
    out << std::endl;
    if (!ok) explain(detail, culprit, run.flock, out);
    steps.push_back(
        {{"name", step.name}, {"ok", ok}, {"seconds", seconds(time)}, {"detail", detail}});
  }
  out << (ok ? "passed" : "FAILED") << " after " << in_seconds(Clock::now() - begin) << std::endl;
  return {{"ok", ok},
          {"accel", run.flock.accel().reason},
          {"steps", steps},
          {"figures", run.figures},
          {"logs", run.flock.dir().native()}};
}

}  // namespace starling::vm
