// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

namespace starling::builder {

// What went wrong, told to the person who has to mend it. `what()` is the cause in one line; the
// other fields are printed below it when they are not empty. Thrown by every part of the builder;
// main() prints it and exits with `exit_code`.
struct Error : std::runtime_error {
  explicit Error(std::string cause) : std::runtime_error(std::move(cause)) {}

  Error& in_stage(std::string s) {
    stage = std::move(s);
    return *this;
  }
  Error& at_file(std::filesystem::path p) {
    file = std::move(p);
    return *this;
  }
  Error& replay(std::string c) {
    command = std::move(c);
    return *this;
  }
  Error& see_log(std::filesystem::path p) {
    log = std::move(p);
    return *this;
  }
  Error& hint(std::string h) {
    next_step = std::move(h);
    return *this;
  }
  Error& because_mirror_moved() {
    mirror_moved = true;
    return *this;
  }
  Error& exit_with(int code) {
    exit_code = code;
    return *this;
  }

  std::string stage;           // the build stage, e.g. "rootfs"
  std::filesystem::path file;  // the file (or file:line) at fault
  std::string command;         // a shell line that replays the failed command
  std::filesystem::path log;   // where the whole output is
  std::string next_step;       // what to try
  bool mirror_moved = false;   // the recorded state of the Debian mirror is no longer to be had
  int exit_code = 1;
};

}  // namespace starling::builder
