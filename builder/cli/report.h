// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <ostream>

#include "builder/core/error.h"

namespace starling::builder {

// The cause, then stage, file, command, log and hint as far as they are known.
void print_error(std::ostream& out, const Error& error);

}  // namespace starling::builder
