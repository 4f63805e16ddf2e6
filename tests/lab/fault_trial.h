// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>

#include "tests/lab/move_driver.h"

namespace starling::lab {

// One fault_worker with what it wrote, while a driver moves it.
class FaultTrial {
 public:
  FaultTrial();
  ~FaultTrial();
  FaultTrial(const FaultTrial&) = delete;

  const std::filesystem::path& dir() const { return dir_; }
  void start(MoveDriver& driver, const std::filesystem::path& worker);
  // Pumps and reads for so long, or until it has ended.
  void run(std::chrono::milliseconds time);
  // Until it has written `more` lines than now; false when it does not within `patience`.
  bool goes_on(int more, std::chrono::milliseconds patience);
  // order() and its reply, reading all the while.
  nlohmann::json move(int place, std::chrono::milliseconds patience);
  // Asks it to end; its exit status as a shell says it, -1 when it does not end.
  int end(std::chrono::milliseconds patience);
  // What is wrong with what it wrote; empty when nothing is. `whole`: it ended by itself.
  std::string wrong_output(bool whole);
  int lines() const { return static_cast<int>(std::count(out_.begin(), out_.end(), '\n')); }

 private:
  void read();

  std::filesystem::path dir_;
  MoveDriver* driver_ = nullptr;
  UniqueFd ask_;
  UniqueFd output_;
  std::string out_;
};

// Processes that are a copy of `pid` in a pid namespace of their own: what a guest left behind.
std::vector<pid_t> processes_numbered(pid_t pid);
inline int copies_of(pid_t pid) {
  return static_cast<int>(processes_numbered(pid).size());
}

}  // namespace starling::lab
