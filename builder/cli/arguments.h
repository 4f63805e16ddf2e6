// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "builder/cli/verb.h"
#include "builder/config/load.h"

namespace starling::builder {

// A verb's command line: its own options in `values`, config options as settings.
struct Arguments {
  boost::program_options::variables_map values;
  std::vector<Setting> settings;
  std::vector<std::string> positional;
  std::filesystem::path config_file;  // --config, or the positional argument where allowed

  bool has(const char* name) const { return values.count(name) > 0; }
};

// What a verb takes on its command line.
struct ArgumentSpec {
  const char* verb;
  boost::program_options::options_description own;  // besides --help
  bool config = false;                              // config options, --config and [CONFIG]
  int most_positional = 0;
  bool config_is_option_only = false;  // free words are not a config file
};

// Parses; prints the help and throws HelpShown for --help; throws Error (exit code 2, with "did
// you mean") for what it does not know.
struct HelpShown {};
Arguments parse_arguments(const ArgumentSpec& spec, const Args& args);

// The configuration of this command line. load_checked() throws when there is a problem in it.
LoadedConfig load_for(const Arguments& arguments);
Config load_checked(const Arguments& arguments);

// -q, -v, --explain, --json and the like of verbs that run stages.
boost::program_options::options_description status_options();

}  // namespace starling::builder
