// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "agents/common/json_line.h"
#include "agents/common/unique_fd.h"

namespace starling::lab {

// A guest node as far as moving needs one: whoever connects gets a starling-body of his own.
class MoveGuest {
 public:
  struct Options {
    std::string address = "::1";
    std::string interface = "lo";
    int netns = -1;                 // a network namespace to be in; the caller's
    std::string key;                // seals the streams when not empty
    std::vector<std::string> more;  // arguments for starling-body
    std::string helpers;            // the directory of starling-body; empty: where this program is
    std::vector<std::string> environment;  // NAME=value, for it
  };
  explicit MoveGuest(Options options);

  const Options& options() const { return options_; }
  int fd() const { return fd_.get(); }
  int port() const { return port_; }
  const std::vector<pid_t>& helpers() const { return helpers_; }

  void accept();
  // Nobody is let in any more.
  void close() { fd_.reset(); }
  // Reaps the helpers that ended.
  void tend();
  // Gives the helpers `patience` to end by themselves, kills the rest: how many those were.
  std::size_t finish(std::chrono::milliseconds patience = std::chrono::seconds(5));

 private:
  Options options_;
  UniqueFd fd_;
  int port_ = 0;
  std::vector<pid_t> helpers_;
};

// One process moved by hand: what starlingd does on both sides, without starlingd. Places are 1
// for home, 2 for the first guest and so on. One thread.
class MoveDriver {
 public:
  explicit MoveDriver(std::vector<MoveGuest::Options> guests, std::string key = {}, int netns = -1);
  ~MoveDriver();
  MoveDriver(const MoveDriver&) = delete;

  // Where starling-deputy is, and NAME=value for it; before start() or restart_deputy().
  void use_deputy(std::string directory, std::vector<std::string> environment);
  // Starts a command as this process's child and home's helper for it. Throws std::system_error.
  void start(const std::vector<std::string>& command, int in = 0, int out = 1);
  // Another helper for the same process, when home's has ended.
  void restart_deputy();
  pid_t pid() const { return command_; }
  pid_t deputy() const { return deputy_; }
  MoveGuest& guest(int place) { return *guests_.at(static_cast<std::size_t>(place - 2)); }

  // Orders a move; the reply comes in some pump().
  void order(int place);
  bool waiting() const { return waiting_; }
  // Handles what there is, or waits for something.
  void pump(std::chrono::milliseconds patience);
  // order() and its reply; a reply with "ok" false when it takes longer.
  nlohmann::json move(int place, std::chrono::milliseconds patience = std::chrono::seconds(30));

  const nlohmann::json& last_reply() const { return last_reply_; }
  int where() const { return where_; }
  // The wait status of the command, once it has ended.
  std::optional<int> ended() const { return ended_; }
  // Waits for the end; the exit status as a shell says it, -1 when it does not come.
  int wait(std::chrono::milliseconds patience = std::chrono::seconds(60));
  // The exit status of starling-deputy, once it has ended.
  std::optional<int> deputy_ended() const { return deputy_ended_; }
  void kill();
  // Gives the helpers `patience` to end with the process, kills the rest: how many those were.
  std::size_t finish(std::chrono::milliseconds patience = std::chrono::seconds(5));

  // Every line of home's helper.
  std::function<void(const nlohmann::json&)> on_report;

 private:
  void start_deputy();
  void take_reports();
  void take_report(const nlohmann::json& report);

  std::string key_;
  int netns_;
  std::string deputy_directory_;
  std::vector<std::string> deputy_environment_;
  std::vector<std::unique_ptr<MoveGuest>> guests_;
  pid_t command_ = 0;
  pid_t deputy_ = 0;
  UniqueFd pidfd_;
  UniqueFd orders_;
  LineBuffer lines_{64 * 1024};
  bool waiting_ = false;
  int where_ = 1;
  int wanted_ = 1;
  nlohmann::json last_reply_;
  std::optional<int> ended_;
  std::optional<int> deputy_ended_;
};

// Where helpers started from now on write what goes to standard error, which would mix with the
// command's; nowhere until this is called.
void log_helpers_to(const std::string& path);

// A fresh key for sealed streams.
std::string random_stream_key();

}  // namespace starling::lab
