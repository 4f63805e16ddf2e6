// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <deque>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "agents/common/event_loop.h"
#include "agents/common/json_line.h"
#include "agents/common/unique_fd.h"

namespace starling::daemon {

// How a helper ended that is not this daemon's child.
inline constexpr const char* kGone = "it is gone";

// The daemon's end of its line to one running starling-deputy or starling-body: asks, and hears
// replies, events and the end. The line is JSON, one object a line; docs/ARCHITECTURE.md. The
// process is not ended with this object: helpers outlive the daemon.
class Helper {
 public:
  enum class Role { kDeputy, kBody };
  static constexpr std::size_t kMaxLine = 64 * 1024;
  static constexpr std::size_t kMaxQueue = 16;  // requests waiting for their replies

  struct Answer {
    bool ok = false;
    std::string error;                              // a sentence when not ok
    nlohmann::json all = nlohmann::json::object();  // the whole reply
  };
  using Done = std::function<void(const Answer&)>;

  // Called from the loop; neither may destroy the helper.
  struct Observer {
    virtual ~Observer() = default;
    virtual void on_event(Helper& helper, const std::string& name, const nlohmann::json& event) = 0;
    // Once, when the process has ended; `how` is a sentence's end: "exit status 1".
    virtual void on_end(Helper& helper, const std::string& how) = 0;
  };

  // Takes both descriptors. Throws std::system_error.
  Helper(EventLoop& loop, Role role, pid_t process, UniqueFd pidfd, UniqueFd line,
         Observer& observer);
  ~Helper();
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  // Sends a request with "do" in it. `done` is called once: with the reply, or not ok when the
  // helper ends, stops listening or is silent for `patience`.
  void ask(const nlohmann::json& request, TimeNs patience, Done done);
  // True while a reply to this kind of request is due.
  bool busy_with(const std::string& what) const;
  // Gives up requests whose time is over. Call about twice a second.
  void expire(TimeNs now);
  void kill(int signal) const;

  Role role() const { return role_; }
  pid_t process() const { return process_; }
  bool ended() const { return ended_; }
  TimeNs started() const { return started_; }

 private:
  struct Pending {
    std::string what;
    TimeNs deadline;
    Done done;  // empty once given up: a late reply still takes its place
  };

  void on_readable();
  void on_line(const std::string& line);
  void on_process_end();
  void read_all();
  void close_line();
  void fail_all(const std::string& why);

  EventLoop& loop_;
  const Role role_;
  const pid_t process_;
  const TimeNs started_ = monotonic_ns();
  UniqueFd pidfd_;
  UniqueFd line_;
  Observer& observer_;
  LineBuffer in_{kMaxLine};
  std::deque<Pending> pending_;
  TimeNs lost_ = 0;  // when the line ended before the process; 0: it did not
  bool ended_ = false;
};

}  // namespace starling::daemon
