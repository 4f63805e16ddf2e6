// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "agents/common/json_line.h"
#include "agents/common/unique_fd.h"

namespace starling {

// A helper's end of its line to the daemon (docs/ARCHITECTURE.md, "The helpers"): requests come in,
// replies and events go out, one JSON object a line. Nothing here blocks, and nothing depends on
// the daemon: when it goes away the helper works on, and when it is back the channel connects to
// its rendezvous socket and tells who the helper is and the newest event of each kind.
class ReportChannel {
 public:
  // `fd` is --report-fd. `role` is "deputy" or "body", `pid` the moved process's number at home.
  // The rendezvous is the daemon's $STARLING_RENDEZVOUS; empty: a daemon lost is lost for good.
  ReportChannel(int fd, const std::string& role, long pid, std::string rendezvous);
  // The same with the environment's rendezvous.
  ReportChannel(int fd, const std::string& role, long pid);

  // A guest learns only by its first message which process it is.
  void set_pid(long pid);

  // For poll(2); -1 while there is no daemon.
  int fd() const { return fd_.get(); }
  // Connects again when the daemon is away: cheap, call it about twice a second.
  void tend();
  // The next request ({"do":...}), if one has come. Lines that are none are skipped.
  std::optional<nlohmann::json> next();
  // Answers a request; every one gets one answer, in the order they came. `more` is added.
  void reply(const std::string& to, bool ok, const std::string& error = "",
             nlohmann::json more = nlohmann::json::object());
  // Tells what happened: `fields` with "event" in it. While there is no daemon it is kept.
  void event(const std::string& name, nlohmann::json fields = nlohmann::json::object());

 private:
  void send(const nlohmann::json& object);

  UniqueFd fd_;
  nlohmann::json hello_;
  std::string rendezvous_;
  LineBuffer in_;
  std::map<std::string, nlohmann::json> newest_;
};

}  // namespace starling
