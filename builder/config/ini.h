// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace starling::builder {

// One `key = value` line. A line in a [section] has the section's name in `section`.
struct IniEntry {
  std::string section, key, value;
  int line = 0;
};

struct IniProblem {
  int line = 0;
  std::string message;
};

struct IniText {
  std::vector<IniEntry> entries;
  std::vector<IniProblem> problems;  // lines that are not INI
};

// Reads INI text. Comments start with '#' or ';' at the start of a line, or with '#' after white
// space; a value in double quotes is taken as it is, with \" and \\ for the two. Never throws on
// any input.
IniText parse_ini(std::string_view text);

}  // namespace starling::builder
