// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/filter.h>

#include <optional>
#include <vector>

#include "agents/migrate/remote_addr.h"
#include "agents/migrate/syscall_table.h"

namespace starling::migrate {

struct FilterOptions {
  pid_t pid = 0;              // of the body, in its own pid namespace
  bool shared_memory = true;  // as in CallContext
  // Calls whose instruction lies in here are the agent's own and allowed; empty: there are none.
  // Must not cross a 4 GiB boundary. Any code of the process may jump there, so this is as wide a
  // door as scratch_calls makes it.
  RemoteRange scratch;
  std::optional<std::vector<int>> scratch_calls;  // the numbers allowed there; none given: all
};

// The seccomp program of a body, generated from the syscall table: calls that are local by what BPF
// can see are allowed, all others notify (SECCOMP_RET_USER_NOTIF); who answers the notification
// asks classify(). Install with SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE_RECV.
// Calls that are local whatever their arguments come first and look at the number only: the
// kernel then answers them from a bitmap (seccomp's action cache).
// Throws std::invalid_argument for a scratch range that cannot be expressed.
std::vector<sock_filter> body_filter(const FilterOptions& options);

}  // namespace starling::migrate
