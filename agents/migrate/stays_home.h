// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <stdexcept>

namespace starling::migrate {

// Why a process is not moved now; the text is one sentence for people, without the process's name
// ("it maps /dev/dri/card0"). The process goes on at home as if nothing had been tried.
struct StaysHome : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The process ended while it was being handled; there is nothing left to move.
struct ProcessGone : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace starling::migrate
