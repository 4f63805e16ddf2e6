// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>

#include "agents/migrate/state.pb.h"

namespace starling::migrate {

// CPU time of a moved process: what it used at home before plus what its body used here. A CPU
// clock must never go backwards, neither by going nor by coming home.
class BodyClocks {
 public:
  // `pid` of the body, here.
  BodyClocks(pid_t pid, const pb::ProcessState& state);

  std::int64_t process_ns() const;                        // whole
  std::int64_t thread_ns(pid_t here, pid_t inner) const;  // whole
  std::int64_t body_ns() const;                           // here only

 private:
  pid_t pid_;
  std::int64_t base_;
  std::map<pid_t, std::int64_t> thread_base_;  // by inner tid
};

}  // namespace starling::migrate
