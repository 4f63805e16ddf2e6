// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "agents/common/clock.h"
#include "agents/common/unique_fd.h"

namespace starling {

// epoll with a callback per descriptor. Level-triggered. One thread.
class EventLoop {
 public:
  using Callback = std::function<void(std::uint32_t events)>;

  EventLoop();

  // Does not take ownership of `fd`; remove() it before closing. Throws std::system_error.
  void add(int fd, std::uint32_t events, Callback callback);
  void change(int fd, std::uint32_t events);
  void remove(int fd);

  // Waits for events, at most `timeout_ms` (-1: as long as it takes), and calls what is ready.
  // A callback may add and remove descriptors, its own included.
  void run_once(int timeout_ms);

 private:
  UniqueFd epoll_;
  std::map<int, std::shared_ptr<Callback>> callbacks_;
};

// A timer descriptor on CLOCK_MONOTONIC.
class Timer {
 public:
  Timer();
  int fd() const { return fd_.get(); }
  // Fires once at `when`; a time gone by fires at once.
  void set(TimeNs when);
  void set_every(TimeNs period);
  // How often it fired since the last call.
  std::uint64_t take();

 private:
  UniqueFd fd_;
};

// Wakes another thread's loop.
class Wakeup {
 public:
  Wakeup();
  int fd() const { return fd_.get(); }
  void signal();
  void take();

 private:
  UniqueFd fd_;
};

}  // namespace starling
