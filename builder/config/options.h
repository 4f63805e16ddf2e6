// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/program_options/options_description.hpp>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "builder/config/config.h"

namespace starling::builder {

// How the text of an option becomes its value.
enum class OptionKind {
  text,    // as it is
  number,  // decimal, within [least, most]
  choice,  // one of `choices`
  path,    // relative to the file that says it (or to the working directory)
  words,   // a list; a value holds several, split at white space; "-word" takes one out again
  lines,   // a list; a value is one element
  paths,   // a list; a value is one path
};

// One option: its name on the command line and in INI files, its place in Config, its meaning.
// This table is the only place where an option is declared.
struct OptionSpec {
  using Field =
      std::variant<std::string Config::*, std::filesystem::path Config::*, int Config::*,
                   long Config::*, KernelKind Config::*, std::vector<std::string> Config::*,
                   std::vector<std::filesystem::path> Config::*>;
  const char* name;
  const char* value_name;
  OptionKind kind;
  Field field;
  const char* help;
  std::vector<std::string> choices = {};
  long least = 0, most = 0;
  bool secret = false;  // never printed

  bool is_list() const {
    return kind == OptionKind::words || kind == OptionKind::lines || kind == OptionKind::paths;
  }
};

const std::vector<OptionSpec>& option_specs();
const OptionSpec* find_option(const std::string& name);  // null when there is none
std::vector<std::string> option_names();

// The table for Boost.Program_options: parses the command line, prints the help.
boost::program_options::options_description config_options();

// The value as text, one element per list entry (one for the rest). Secrets come out as "(set)".
std::vector<std::string> option_text(const Config& config, const OptionSpec& spec);

}  // namespace starling::builder
