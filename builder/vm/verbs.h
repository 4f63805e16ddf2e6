// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace starling::builder {

// The verbs `boot` and `test` of clusterbuild. `args` is what follows the verb on the command
// line; they parse it themselves (--help included). They give the exit code: 0 for success, 1 when
// a test failed; they throw Error for everything that kept them from running (2 for wrong usage).
int vm_boot(const std::vector<std::string>& args);
int vm_test(const std::vector<std::string>& args);

}  // namespace starling::builder
