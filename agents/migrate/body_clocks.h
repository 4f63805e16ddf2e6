// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>

#include "agents/common/bytes.h"
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

  // Adds what the body used to the answer of home's kernel for the deputy. `thread`: RUSAGE_THREAD,
  // this thread only; else 0.
  void add_to_rusage(MutableBytes rusage, pid_t thread) const;
  void add_to_times(MutableBytes tms) const;

 private:
  struct Used {
    std::int64_t user_ns;
    std::int64_t system_ns;
  };
  Used used(pid_t thread) const;

  pid_t pid_;
  std::int64_t base_;
  std::map<pid_t, std::int64_t> thread_base_;  // by inner tid
};

}  // namespace starling::migrate
