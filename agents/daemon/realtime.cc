// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/realtime.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace starling::daemon {

std::string lock_memory() {
  if (mlockall(MCL_CURRENT | MCL_FUTURE) == 0) return "";
  return std::string("memory cannot be locked: ") + std::strerror(errno);
}

std::string become_realtime(int priority) {
  if (priority == 0) return "";
  sched_param parameter{};
  parameter.sched_priority = priority;
  if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameter) == 0) return "";
  return std::string("no real-time priority for the liveness thread: ") + std::strerror(errno);
}

void prefault_stack() {
  // Well below SmallThread::kStack, well above what the thread's deepest call needs.
  volatile char page[128 * 1024];
  for (std::size_t i = 0; i < sizeof page; i += 4096) page[i] = 0;
}

SmallThread::SmallThread(std::function<void()> function) : function_(std::move(function)) {
  // Signals belong to the main thread's signalfd.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStack);
  const int error = pthread_create(&thread_, &attributes, &SmallThread::run, this);
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) throw std::system_error(error, std::generic_category(), "thread");
}

SmallThread::~SmallThread() {
  pthread_join(thread_, nullptr);
}

void* SmallThread::run(void* self) {
  static_cast<SmallThread*>(self)->function_();
  return nullptr;
}

}  // namespace starling::daemon
