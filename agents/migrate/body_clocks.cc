// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/body_clocks.h"

#include <sys/resource.h>
#include <sys/times.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
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

void add(timeval& to, std::int64_t ns) {
  const std::int64_t us = to.tv_usec + ns / 1000;
  to.tv_sec += us / 1'000'000;
  to.tv_usec = us % 1'000'000;
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

// The sum is exact, its division follows the ticks of proc_pid_stat(5), as the kernel's own does.
BodyClocks::Used BodyClocks::used(pid_t thread) const {
  const std::int64_t sum = thread == 0 ? body_ns() : thread_cpu_ns(pid_, thread);
  const auto stat = read_stat(thread == 0 ? pid_ : thread);
  const auto ticks = [&](std::size_t field) {
    return field - 3 < stat.size() ? std::strtoll(stat[field - 3].c_str(), nullptr, 10) : 0;
  };
  const std::int64_t user = ticks(14);
  const std::int64_t all = user + ticks(15);
  const std::int64_t system =
      all == 0 ? 0
               : static_cast<std::int64_t>(static_cast<double>(sum) / static_cast<double>(all) *
                                           static_cast<double>(all - user));
  return {sum - system, system};
}

void BodyClocks::add_to_rusage(MutableBytes bytes, pid_t thread) const {
  rusage usage;
  if (bytes.size() < sizeof usage) return;
  std::memcpy(&usage, bytes.data(), sizeof usage);
  const Used here = used(thread);
  add(usage.ru_utime, here.user_ns);
  add(usage.ru_stime, here.system_ns);
  std::memcpy(bytes.data(), &usage, sizeof usage);
}

void BodyClocks::add_to_times(MutableBytes bytes) const {
  tms times;
  if (bytes.size() < sizeof times) return;
  std::memcpy(&times, bytes.data(), sizeof times);
  const std::int64_t tick = kSecond / ::sysconf(_SC_CLK_TCK);
  const Used here = used(0);
  times.tms_utime += here.user_ns / tick;
  times.tms_stime += here.system_ns / tick;
  std::memcpy(bytes.data(), &times, sizeof times);
}

}  // namespace starling::migrate
