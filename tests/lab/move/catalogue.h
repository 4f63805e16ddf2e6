// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

namespace starling::lab {

// One program that is run natively and moved, and must show the same both times.
struct Program {
  std::string name;
  std::string group;     // "cpu", "signals", ... for feature programs; "real" for the others
  std::string about;     // one line
  std::string may_stay;  // why it may refuse every move; empty: it must have moved
  std::string package;   // Debian package it needs; empty: part of the build
  bool soak_only = false;
  bool rig_inside = false;       // the script itself places $MOVE before what is to be moved
  std::filesystem::path script;  // real programs: run as `sh SCRIPT prepare`, `sh SCRIPT run`
  std::filesystem::path binary;  // feature programs
};

// How a test names it.
inline std::ostream& operator<<(std::ostream& out, const Program& p) {
  return out << p.name;
}

// The feature programs, from the catalogue their build wrote. Throws std::runtime_error naming the
// file when it is missing or malformed.
std::vector<Program> feature_programs();

// The real programs, from the heads of the scripts in tests/lab/move/programs. Throws as above.
std::vector<Program> real_programs();

}  // namespace starling::lab
