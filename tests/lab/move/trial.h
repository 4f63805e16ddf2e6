// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "tests/lab/move/catalogue.h"
#include "tests/lab/move/run.h"

namespace starling::lab {

// What move_rig's --json file says about one run.
struct RigReport {
  int moves = 0;
  int forwarded = 0;
  std::map<std::string, int> refused;  // reason: how often; "" when one came without a reason
};

// Reads {"moves": N, "forwarded": N, "refused": [{"reason": "...", "count": N}, ...]}; a refusal
// may also be a bare string. Throws std::runtime_error naming the file.
RigReport read_report(const std::filesystem::path& file);

// How hard a program is moved.
struct Plan {
  double native_seconds = 0.2;  // feature programs only: how long they go on
  double moved_seconds = 1.0;
  int moves = 1000;  // upper bound for the rig
  std::chrono::milliseconds interval{60};
  uint64_t seed = 1;
  bool large = false;  // real programs: soak sizes
  std::chrono::seconds limit{180};
};

// One program: prepared once, run natively once, then moved as often as asked.
class Trial {
 public:
  // Prepares the inputs and runs natively. Throws std::runtime_error when preparing fails.
  Trial(const Program& program, const Plan& plan);

  // Why this machine cannot run the program (a package that is missing, a feature the processor
  // lacks); empty when it can.
  const std::string& skipped() const { return skipped_; }
  const Outcome& native() const { return native_; }

  // One run under move_rig; empty when it showed what it shows natively. `report` says what the
  // rig did. A program that must move and was through before is run again, moved sooner.
  std::string moved(uint64_t seed, RigReport& report);

 private:
  std::filesystem::path fresh_directory();
  Command command(double seconds) const;
  std::string moved_once(uint64_t seed, std::chrono::milliseconds interval,
                         const std::filesystem::path& json);

  Program program_;
  Plan plan_;
  Scratch scratch_;
  std::string skipped_;
  Outcome native_;
};

// The rig's path: $STARLING_MOVE_RIG, else build/bin/move_rig.
std::filesystem::path rig();

// What is wrong with a report for this program (no move, a refusal without reason); empty if fine.
std::string judge(const Program& program, const RigReport& report);

}  // namespace starling::lab
