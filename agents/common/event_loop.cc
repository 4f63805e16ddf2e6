// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>

#include "agents/common/fail.h"

namespace starling {

EventLoop::EventLoop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) fail_errno("epoll");
}

void EventLoop::add(int fd, std::uint32_t events, Callback callback) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) fail_errno("epoll");
  callbacks_[fd] = std::make_shared<Callback>(std::move(callback));
}

void EventLoop::change(int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) fail_errno("epoll");
}

void EventLoop::remove(int fd) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  callbacks_.erase(fd);
}

void EventLoop::run_once(int timeout_ms) {
  std::array<epoll_event, 16> events;
  const int n = epoll_wait(epoll_.get(), events.data(), events.size(), timeout_ms);
  if (n < 0) {
    if (errno == EINTR) return;
    fail_errno("epoll");
  }
  for (int i = 0; i < n; ++i) {
    const auto found = callbacks_.find(events[static_cast<std::size_t>(i)].data.fd);
    if (found == callbacks_.end()) continue;  // removed by an earlier callback of this round
    // Held, because the callback may remove itself.
    const std::shared_ptr<Callback> callback = found->second;
    (*callback)(events[static_cast<std::size_t>(i)].events);
  }
}

static timespec to_timespec(TimeNs t) {
  return {static_cast<time_t>(t / kSecond), static_cast<long>(t % kSecond)};
}

Timer::Timer() : fd_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  if (!fd_) fail_errno("timerfd");
}

void Timer::set(TimeNs when) {
  itimerspec spec{};
  spec.it_value = to_timespec(std::max<TimeNs>(when, 1));  // 0 would disarm it
  if (timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr) != 0) fail_errno("timerfd");
}

void Timer::set_every(TimeNs period) {
  itimerspec spec{};
  spec.it_value = spec.it_interval = to_timespec(period);
  if (timerfd_settime(fd_.get(), 0, &spec, nullptr) != 0) fail_errno("timerfd");
}

std::uint64_t Timer::take() {
  std::uint64_t n = 0;
  return ::read(fd_.get(), &n, sizeof n) == sizeof n ? n : 0;
}

Wakeup::Wakeup() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!fd_) fail_errno("eventfd");
}

void Wakeup::signal() {
  const std::uint64_t one = 1;
  // A full counter means that it is signalled already.
  [[maybe_unused]] const ssize_t n = ::write(fd_.get(), &one, sizeof one);
}

void Wakeup::take() {
  std::uint64_t n;
  [[maybe_unused]] const ssize_t r = ::read(fd_.get(), &n, sizeof n);
}

}  // namespace starling
