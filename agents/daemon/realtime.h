// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <pthread.h>

#include <functional>
#include <string>

namespace starling::daemon {

// Locks all memory of the process, now and later. Returns what went wrong; empty: nothing.
std::string lock_memory();

// Makes the calling thread SCHED_FIFO at `priority` (0: leaves it as it is). The threads and
// children it starts are ordinary again. Returns what went wrong; empty: nothing.
std::string become_realtime(int priority);

// Touches the stack so that no page of it has to be found later. Call deep users beforehand.
void prefault_stack();

// A thread with a small stack, all of which may be locked. Joined on destruction: the function
// must have been told to end by then.
class SmallThread {
 public:
  static constexpr std::size_t kStack = 512 * 1024;

  explicit SmallThread(std::function<void()> function);
  SmallThread(const SmallThread&) = delete;
  SmallThread& operator=(const SmallThread&) = delete;
  ~SmallThread();

 private:
  static void* run(void* self);

  std::function<void()> function_;
  pthread_t thread_{};
};

}  // namespace starling::daemon
