// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/lab/lab.h"

namespace starling::lab {

// A flock whose first node has programs that move, with the real helpers.
class FlockMove : public Lab {
 protected:
  ~FlockMove() override;

  // Prints numbers it computes one after the other; the more `rounds` the more work lies between
  // them.
  static std::vector<std::string> program(int rounds);
  static constexpr int kShort = 20'000, kLong = 100'000;
  // Prints 1, 2, 3 ... and ends with status 0 when the file "enough" is in node 0's directory.
  std::vector<std::string> counter();
  void enough();

  // Starts a command on node 0 with its output in a file of the node's directory.
  pid_t start_program(const std::vector<std::string>& command, const std::string& out);
  // Its exit status as a shell says it; a failure of the test when it does not end.
  int end_of(pid_t pid);
  bool ended(pid_t pid);
  nlohmann::json migrate(pid_t pid, const nlohmann::json& target);
  // The node it computes on, as node 0 tells; -1 when it does not.
  int where(pid_t pid);
  std::string output(const std::string& name);
  // Lines of a counter so far, which follow each other without a gap; -1 when they do not.
  int counted(const std::string& name);
  // It has written more lines within `patience`.
  bool goes_on(const std::string& name, TimeNs patience = 20 * kSecond);

 private:
  std::vector<pid_t> running_;
};

}  // namespace starling::lab
