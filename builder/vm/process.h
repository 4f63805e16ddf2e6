// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace starling::vm {

// How a child process is started.
struct SpawnOptions {
  std::filesystem::path log;         // stdout and stderr are appended here; empty: /dev/null
  std::filesystem::path network;     // a /run/netns/... file the child enters first; empty: ours
};

// A long-running child (a virtual machine) in a process group of its own. It ends with this
// object (SIGKILL), and also when the thread that started it ends, however that ends.
class Process {
 public:
  // Throws builder::Error when the program cannot be started.
  Process(const std::vector<std::string>& argv, const SpawnOptions& options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  // The wait status once the child has ended; nothing while it runs.
  std::optional<int> ended();
  // Waits for the end, at most `limit`; false when it still runs.
  bool wait(std::chrono::milliseconds limit);
  // SIGKILL and reap.
  void kill();

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
};

// Runs a short system tool (ip, bridge) and throws builder::Error with its output if it fails.
void run_tool(const std::vector<std::string>& argv);

// As run_tool(), but gives the exit status and ignores the output.
int try_tool(const std::vector<std::string>& argv);

// A line that /bin/sh would run as these arguments.
std::string shell_line(const std::vector<std::string>& argv);

}  // namespace starling::vm
