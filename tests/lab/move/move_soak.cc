// SPDX-License-Identifier: GPL-2.0-or-later
// `make soak`: every program is moved at random moments until it has been moved at least --moves
// times, in as many runs as that takes. One line a program; exit status 1 when anything differed.
#include <stdio.h>

#include <boost/program_options.hpp>
#include <exception>
#include <iostream>

#include "tests/lab/move/trial.h"

namespace po = boost::program_options;

namespace starling::lab {
namespace {

// A program that is refused over and over, or too short to be moved often, must not run for ever.
constexpr int kMostRuns = 60;

struct Row {
  int runs = 0;
  int moves = 0;
  int64_t forwarded = 0;
  int failures = 0;
  std::string note;
};

Row soak(const Program& program, Plan plan, int wanted) {
  Row row;
  Trial trial(program, plan);
  if (!trial.skipped().empty()) {
    row.note = trial.skipped();
    return row;
  }
  if (trial.native().status != "exit 0") {
    row.failures = 1;
    row.note = "fails natively: " + trial.native().status + " " + trial.native().err;
    return row;
  }
  RigReport report;
  while (row.moves < wanted && row.runs < kMostRuns) {
    report = {};
    std::string wrong = trial.moved(plan.seed + static_cast<uint64_t>(row.runs), report);
    if (wrong.empty() && report.refused.contains("")) wrong = "  a refusal without a reason\n";
    ++row.runs;
    row.moves += report.moves;
    row.forwarded += report.forwarded;
    if (!wrong.empty()) {
      ++row.failures;
      row.note += "run " + std::to_string(row.runs) + ":\n" + wrong;
    }
    // One that may stay and does will not change its mind.
    if (!program.may_stay.empty() && report.moves == 0 && row.runs >= 2) break;
  }
  if (row.moves < wanted && program.may_stay.empty()) {
    ++row.failures;
    row.note += "only " + std::to_string(row.moves) + " of " + std::to_string(wanted) + " moves\n";
  }
  for (const auto& [reason, count] : report.refused) {
    row.note += "stayed " + std::to_string(count) + " times in the last run: " + reason + "\n";
  }
  return row;
}

int soak_all(int wanted, uint64_t seed, double seconds, const std::string& only) {
  int failures = 0, programs = 0;
  printf("%-22s %6s %7s %11s %9s\n", "program", "runs", "moves", "forwarded", "failures");
  std::vector<Program> all = feature_programs();
  for (Program& p : real_programs()) all.push_back(std::move(p));
  for (const Program& program : all) {
    if (!only.empty() && program.name != only) continue;
    Plan plan;
    plan.seed = seed;
    plan.moved_seconds = seconds;
    plan.moves = wanted;
    plan.interval = std::chrono::milliseconds(30);
    plan.large = true;
    plan.limit = std::chrono::seconds(1800);
    Row row;
    try {
      row = soak(program, plan, wanted);
    } catch (const std::exception& e) {
      row.failures = 1;
      row.note = e.what();
    }
    printf("%-22s %6d %7d %11lld %9d%s%s\n", program.name.c_str(), row.runs, row.moves,
           static_cast<long long>(row.forwarded), row.failures, row.note.empty() ? "" : "  ",
           row.note.c_str());
    fflush(stdout);
    failures += row.failures;
    ++programs;
  }
  if (programs == 0) {
    fprintf(stderr, "move_soak: no program is called '%s'\n", only.c_str());
    return 2;
  }
  printf("%d programs, %d failures\n", programs, failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace starling::lab

int main(int argc, char** argv) {
  po::options_description options("move_soak: moves every program of the lab at random moments");
  int moves = 0;
  uint64_t seed = 0;
  double seconds = 0;
  std::string only;
  options.add_options()("help", "this text")("moves", po::value(&moves)->default_value(200),
                                             "at least so many moves of each program")(
      "seed", po::value(&seed)->default_value(1), "of the random moments")(
      "seconds", po::value(&seconds)->default_value(10), "how long a feature program goes on")(
      "only", po::value(&only), "one program, by name");
  try {
    po::variables_map given;
    po::store(po::parse_command_line(argc, argv, options), given);
    po::notify(given);
    if (given.contains("help")) {
      std::cout << options;
      return 0;
    }
    if (!std::filesystem::exists(starling::lab::rig())) {
      throw std::runtime_error(starling::lab::rig().string() +
                               " is missing: build target move_rig, or set STARLING_MOVE_RIG");
    }
    return starling::lab::soak_all(moves, seed, seconds, only);
  } catch (const std::exception& e) {
    fprintf(stderr, "move_soak: %s\n", e.what());
    return 2;
  }
}
