// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace starling::lab {

// What a program showed: all of it must be the same natively and moved.
struct Outcome {
  std::string status;  // "exit 0", "signal 11", or "still running after N s" when it was ended
  std::string out;
  std::string err;
  // Left in its directory: path and contents, of large files size and hash.
  std::map<std::string, std::string> files;

  bool operator==(const Outcome&) const = default;
};

struct Command {
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;  // whole: nothing is inherited
  std::filesystem::path directory;                 // entered; its files become part of the outcome
  std::chrono::seconds limit{120};                 // then SIGKILL to its process group
};

// Runs to the end, standard input /dev/null, in a process group of its own. Throws
// std::system_error when it cannot be started.
Outcome run(const Command& command);

// Where two outcomes differ, in words, with excerpts; empty when they are equal.
std::string difference(const Outcome& native, const Outcome& moved);

// A directory for one program's runs under /tmp, removed with this object.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace starling::lab
