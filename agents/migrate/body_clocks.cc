// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/body_clocks.h"

#include <cstdlib>
#include <string>

#include "agents/common/clock.h"
#include "agents/migrate/proc_file.h"

namespace starling::migrate {
namespace {

// Of a thread that is not running. The thread clocks of clock_gettime(2) are for the own process.
std::int64_t thread_cpu_ns(pid_t pid, pid_t tid) {
  const std::string text = read_proc(pid, "task/" + std::to_string(tid) + "/schedstat");
  return std::strtoll(text.c_str(), nullptr, 10);
}

}  // namespace

BodyClocks::BodyClocks(pid_t pid, const pb::ProcessState& state)
    : pid_(pid), base_(state.process_cpu()) {
  for (int i = 0; i < state.threads_size() && i < state.thread_cpu_size(); ++i)
    thread_base_[static_cast<pid_t>(state.threads(i).tid())] = state.thread_cpu(i);
}

std::int64_t BodyClocks::body_ns() const {
  return read_clock((~static_cast<clockid_t>(pid_) << 3) | 2);  // clock_getcpuclockid(3)
}

std::int64_t BodyClocks::process_ns() const {
  return base_ + body_ns();
}

std::int64_t BodyClocks::thread_ns(pid_t here, pid_t inner) const {
  const auto base = thread_base_.find(inner);
  return (base == thread_base_.end() ? 0 : base->second) + thread_cpu_ns(pid_, here);
}

}  // namespace starling::migrate
