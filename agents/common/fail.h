// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace starling {

// Throws std::system_error with the present errno; `what` names the object, e.g. a path.
[[noreturn]] inline void fail_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace starling
