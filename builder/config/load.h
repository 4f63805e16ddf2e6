// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/config/config.h"
#include "builder/core/error.h"

namespace starling::builder {

// One option as somebody set it.
struct Setting {
  std::string option, value;
  std::string where;          // "classroom.ini:12" (full path), "command line"
  std::string excerpt;        // the line with a mark below the fault, or empty
  std::filesystem::path dir;  // relative paths start here
};

// A Config with where each value comes from and what is wrong with it.
struct LoadedConfig {
  Config config;
  // By option name: a place per list element, one for other options; none: built in.
  std::map<std::string, std::vector<std::string>> origins;
  std::vector<Error> problems;
};

struct LoadRequest {
  std::filesystem::path config_file;  // empty: none
  std::vector<Setting> command_line;  // `dir` and `where` filled in
  std::filesystem::path source_dir;   // holds builder/profiles or profiles
  std::filesystem::path working_dir;
  // Reads a file; throws Error. Replaceable for tests and fuzzing.
  std::function<std::string(const std::filesystem::path&)> read_file;
};

// Built-in values < profile (and its own base profile) < config file < command line. Lists
// accumulate over the layers; an empty value clears what was there. Collects problems instead of
// throwing: `check` shows them all.
LoadedConfig load_config(const LoadRequest& request);

// The settings in INI text; what cannot be understood goes to `problems`.
std::vector<Setting> read_settings(std::string_view text, const std::filesystem::path& file,
                                   std::vector<Error>& problems);

// Applies one setting; adds to `loaded.problems` when the value is bad.
void apply(const Setting& setting, LoadedConfig& loaded);

// Where the profile called `name` is: a path as it is (relative to `dir`), a bare name among
// Starling's profiles.
std::filesystem::path profile_file(const std::string& name, const std::filesystem::path& dir,
                                   const std::filesystem::path& source_dir);
std::vector<std::string> known_profiles(const std::filesystem::path& source_dir);

// The source tree above the running program or the working directory, else /usr/share/starling.
std::filesystem::path find_source_dir(const std::filesystem::path& program,
                                      const std::filesystem::path& working_dir);

}  // namespace starling::builder
