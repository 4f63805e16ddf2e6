// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/program_options.hpp>
#include <optional>
#include <string>
#include <vector>

#include "builder/vm/flock.h"

namespace starling::vm {

// The options boot and test share; they fill `options`, which must outlive the parse.
boost::program_options::options_description flock_arguments(FlockOptions& options);

// Parses `args` (options and the IMAGE) against `known`; prints help and gives nothing for
// --help. Throws builder::Error (exit code 2) for wrong usage.
std::optional<boost::program_options::variables_map> parse_flock_arguments(
    const std::string& verb, const std::vector<std::string>& args,
    const boost::program_options::options_description& known, FlockOptions& options);

}  // namespace starling::vm
