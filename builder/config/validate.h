// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "builder/config/load.h"

namespace starling::builder {

// Looks for what is bound to fail later: missing files, malformed keys and names, options that
// exclude each other. Adds to `loaded.problems`, each with the place that set the value. Looks at
// the files the config names, changes nothing.
void validate(LoadedConfig& loaded);

// Throws one Error that lists all problems; nothing when there are none. Exit code 2.
void throw_problems(const LoadedConfig& loaded);

// What is wrong with an authorized_keys line / the text of a flock key file, or "".
std::string ssh_key_fault(const std::string& line);
std::string flock_key_fault(const std::string& text);

}  // namespace starling::builder
