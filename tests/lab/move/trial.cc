// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/move/trial.h"

#include <stdlib.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace starling::lab {

namespace fs = std::filesystem;

RigReport read_report(const fs::path& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error(file.string() + ": move_rig wrote no report");
  try {
    const nlohmann::json json = nlohmann::json::parse(in);
    RigReport report;
    report.moves = json.at("moves").get<int>();
    report.forwarded = json.at("forwarded").get<int>();
    for (const nlohmann::json& r : json.at("refused")) {
      if (r.is_string()) {
        ++report.refused[r.get<std::string>()];
      } else {
        report.refused[r.value("reason", "")] += r.value("count", 1);
      }
    }
    return report;
  } catch (const nlohmann::json::exception& e) {
    throw std::runtime_error(file.string() + ": not a move_rig report: " + e.what());
  }
}

fs::path rig() {
  const char* given = ::getenv("STARLING_MOVE_RIG");
  return given ? given : STARLING_MOVE_RIG;
}

std::string judge(const Program& program, const RigReport& report) {
  if (report.refused.contains("")) return "a move was refused without a reason\n";
  if (program.may_stay.empty() && report.moves < 1) {
    std::string text = "it was never moved\n";
    for (const auto& [reason, count] : report.refused) {
      text += "  refused " + std::to_string(count) + " times: " + reason + "\n";
    }
    return text;
  }
  if (report.moves + static_cast<int>(report.refused.size()) == 0) {
    return "no move was even tried\n";
  }
  return "";
}

Trial::Trial(const Program& program, const Plan& plan) : program_(program), plan_(plan) {
  fs::create_directory(scratch_.path() / "input");
  fs::create_directory(scratch_.path() / "tmp");
  fs::permissions(scratch_.path() / "tmp", fs::perms(01777));
  if (!program_.script.empty()) {
    Command prepare = command(0);
    prepare.argv = {"/bin/sh", program_.script, "prepare"};
    prepare.directory = scratch_.path() / "input";
    prepare.limit = std::chrono::seconds(600);
    const Outcome prepared = run(prepare);
    if (prepared.status == "exit 77") {
      skipped_ = "Debian package " + program_.package + " is not installed: " + prepared.out;
      return;
    }
    if (prepared.status != "exit 0") {
      throw std::runtime_error(program_.script.string() + " prepare: " + prepared.status + "\n" +
                               prepared.out + prepared.err);
    }
  }
  Command native = command(plan_.native_seconds);
  native.directory = fresh_directory();
  native_ = run(native);
  if (native_.status == "exit 77") skipped_ = native_.out.substr(0, native_.out.find('\n'));
}

// Every run sees the same path, so that a program may show it.
fs::path Trial::fresh_directory() {
  const fs::path dir = scratch_.path() / "work";
  fs::remove_all(dir);
  fs::copy(scratch_.path() / "input", dir, fs::copy_options::recursive);
  return dir;
}

Command Trial::command(double seconds) const {
  Command c;
  c.limit = plan_.limit;
  c.environment = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                   {"HOME", scratch_.path() / "tmp"},
                   {"TMPDIR", scratch_.path() / "tmp"},
                   {"LC_ALL", "C.UTF-8"},
                   {"TZ", "UTC"},
                   {"FEATURE_SECONDS", std::to_string(seconds)},
                   {"SIZE", plan_.large ? "large" : "small"},
                   {"MOVE", ""}};
  if (program_.script.empty()) {
    c.argv = {program_.binary};
  } else {
    c.argv = {"/bin/sh", program_.script, "run"};
  }
  return c;
}

std::string Trial::moved(uint64_t seed, RigReport& report) {
  const fs::path json = scratch_.path() / "report.json";
  const auto interval = plan_.interval;
  std::string wrong;
  // On a quick machine a program may be through before its first move is.
  for (int attempt = 0; attempt < 6; ++attempt) {
    wrong = moved_once(seed + static_cast<uint64_t>(attempt), interval / (1 << attempt), json);
    try {
      report = read_report(json);
    } catch (const std::runtime_error& e) {
      wrong += std::string("  ") + e.what() + "\n";
    }
    if (!wrong.empty() || report.moves > 0 || !program_.may_stay.empty() ||
        report.refused.contains(""))
      break;
  }
  return wrong;
}

std::string Trial::moved_once(uint64_t seed, std::chrono::milliseconds interval,
                              const fs::path& json) {
  fs::remove(json);
  Command c = command(plan_.moved_seconds);
  const std::vector<std::string> prefix = {rig(),
                                           "--moves",
                                           std::to_string(plan_.moves),
                                           "--interval",
                                           std::to_string(interval.count()),
                                           "--seed",
                                           std::to_string(seed),
                                           "--timeout",
                                           std::to_string(plan_.limit.count()),
                                           "--json",
                                           json,
                                           "--"};
  if (program_.rig_inside) {
    std::string text;
    for (const std::string& word : prefix) text += word + " ";
    c.environment["MOVE"] = text;
  } else {
    c.argv.insert(c.argv.begin(), prefix.begin(), prefix.end());
  }
  c.directory = fresh_directory();
  return difference(native_, run(c));
}

}  // namespace starling::lab
