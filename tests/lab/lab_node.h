// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "agents/common/clock.h"
#include "tests/lab/net_ns.h"

namespace starling::lab {

// One machine of the lab: a network namespace with one wired link, a directory that stands for
// its disk, and a real starlingd when started. The daemon dies with the node.
class LabNode {
 public:
  LabNode(const std::string& name, const std::filesystem::path& dir, const std::string& key,
          const std::string& flock);
  ~LabNode();

  const std::string& name() const { return name_; }
  const NetNs& net() const { return net_; }
  const std::filesystem::path& dir() const { return dir_; }
  std::filesystem::path socket() const { return dir_ / "control.sock"; }
  std::filesystem::path log() const { return dir_ / "log"; }
  pid_t pid() const { return pid_; }
  TimeNs started() const { return started_; }

  void start(const std::vector<std::string>& more_options = {});
  // Runs another daemon beside the first, which is expected to refuse; its exit status, and what
  // it said in `out`.
  int start_second(const std::vector<std::string>& more_options, std::string& out) const;
  // Sends a signal to the daemon.
  void signal(int number) const;
  // Waits for its end; the wait status. Throws when it takes longer than `timeout`.
  int wait(TimeNs timeout = 10 * kSecond);
  void kill();       // like a pulled power cord
  void terminate();  // like systemctl stop; throws when it does not end well

  // Asks the daemon over its control socket; throws like ControlClient.
  nlohmann::json ask(const nlohmann::json& request) const;
  // Numbers of the nodes this one sees in `state`, sorted.
  std::vector<int> numbers(const std::string& state = "alive") const;
  // Its own number, 0 when it has none or does not answer.
  int number() const;
  // Sum of one counter, e.g. counter("channel", "forged").
  std::uint64_t counter(const std::string& group, const std::string& name) const;

 private:
  std::vector<std::string> command(const std::vector<std::string>& more_options) const;

  std::string name_;
  std::filesystem::path dir_;
  std::string flock_;
  NetNs net_;
  pid_t pid_ = 0;
  TimeNs started_ = 0;
};

}  // namespace starling::lab
