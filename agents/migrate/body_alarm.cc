// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/body_alarm.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "agents/common/fail.h"

namespace starling::migrate {

BodyAlarm::BodyAlarm() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!fd_) fail_errno("eventfd");
}

void BodyAlarm::ring() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(fd_.get(), &one, sizeof one);
}

void BodyAlarm::page_failure(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (failure_.empty()) failure_ = reason;
  ring();
}

void BodyAlarm::needs_home(RemoteAddr) {
  const std::lock_guard lock(mutex_);
  needs_home_ = true;
  ring();
}

bool BodyAlarm::take_needs_home() {
  const std::lock_guard lock(mutex_);
  std::uint64_t count;
  [[maybe_unused]] const auto n = ::read(fd_.get(), &count, sizeof count);
  return std::exchange(needs_home_, false);
}

std::string BodyAlarm::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

}  // namespace starling::migrate
