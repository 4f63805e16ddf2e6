// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "agents/common/unique_fd.h"

namespace starling::daemon {

// A program to start with nothing of the daemon's in it: no descriptors but those given, no
// environment but what is given and a PATH, no blocked or ignored signals, standard input and
// output on /dev/null (or output on a descriptor given), errors where the daemon's go.
struct HelperCommand {
  std::filesystem::path program;
  std::vector<std::string> arguments;    // without the program's name
  std::vector<int> descriptors;          // become 3, 4, 5, ...; stay the caller's here
  int output = -1;                       // becomes standard output; -1: /dev/null
  std::vector<std::string> environment;  // NAME=value
};

struct Spawned {
  pid_t pid = 0;
  UniqueFd pidfd;  // readable once the process has ended
};

// Throws std::system_error naming the program. The child is the caller's to wait for.
Spawned spawn_helper(const HelperCommand& command);

// "exit status 1", "killed by SIGSEGV": how a child that has ended did so, which is reaped by this;
// empty when it is not this process's child.
std::string reap(const UniqueFd& pidfd);

// Where `name` is: in `dir` if one is configured; else beside this daemon's own binary, else in
// /usr/lib/starling.
std::filesystem::path find_helper(const std::filesystem::path& dir, const std::string& name);

}  // namespace starling::daemon
