// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "agents/common/bytes.h"
#include "agents/common/unique_fd.h"
#include "agents/migrate/remote_addr.h"
#include "agents/migrate/stays_home.h"

namespace starling::migrate {

using Registers = user_regs_struct;

// The threads of one process under ptrace(2), seized without a signal being sent to them. The
// kernel accepts the calls from one thread only: the one that made the Tracee.
// All members throw ProcessGone when the process ended, std::system_error on anything unexpected.
class Tracee {
 public:
  using Milliseconds = std::chrono::milliseconds;

  // Seizes and stops every thread of `pid`. Throws StaysHome when that cannot be done: traced by
  // another, in a job-control stop, or a thread that does not leave the kernel within `patience`.
  static Tracee freeze(pid_t pid, Milliseconds patience = Milliseconds(2000));
  // Takes over a process that is its caller's child and stops by itself (SIGTRAP) when it may.
  static Tracee adopt(pid_t pid);

  // Lets go of all threads that are still traced; they run on where they are.
  ~Tracee();
  Tracee(Tracee&&) noexcept;
  Tracee& operator=(Tracee&&) = delete;

  pid_t pid() const { return pid_; }
  std::vector<pid_t> threads() const;  // the first thread first
  bool has(pid_t tid) const { return threads_.contains(tid); }

  // PTRACE_O_*; from now on, for every thread.
  void set_options(unsigned long options);
  // Of one stopped thread.
  void set_options(pid_t tid, unsigned long options);

  // The following need the thread stopped.
  Registers registers(pid_t tid) const;
  void set_registers(pid_t tid, const Registers& registers);
  std::vector<std::uint8_t> xstate(pid_t tid) const;  // NT_X86_XSTATE
  void set_xstate(pid_t tid, Bytes xstate);
  std::uint64_t mask(pid_t tid) const;  // blocked signals
  void set_mask(pid_t tid, std::uint64_t mask);
  siginfo_t signal_info(pid_t tid) const;  // of a signal-delivery-stop
  void set_signal_info(pid_t tid, const siginfo_t& info);
  unsigned long event_message(pid_t tid) const;  // of a PTRACE_EVENT stop
  // PTRACE_CONT and the like; `signal` 0 swallows the signal of a signal-delivery-stop.
  void resume(pid_t tid, int signal = 0);
  void resume_to_syscall(pid_t tid, int signal = 0);
  void step(pid_t tid, int signal = 0);
  // A stop will be reported soon; harmless when the thread is stopped already.
  void interrupt(pid_t tid);

  // The next report of one thread, as waitpid(2) gives it; empty when there is none within
  // `patience`. A thread that ended is forgotten, and its exit status is the answer.
  std::optional<int> wait(pid_t tid, Milliseconds patience);
  // A report of any thread that is there already.
  std::optional<std::pair<pid_t, int>> poll();
  bool stopped(pid_t tid) const;

  // A thread the kernel attached by itself (PTRACE_O_TRACECLONE).
  void add(pid_t tid);
  // Lets one thread go.
  void detach(pid_t tid, int signal = 0);
  void detach_all();
  // The process is gone, or shall not be touched again: forget all without detaching.
  void forget();

  // Through /proc/PID/mem: works on read-only and PROT_NONE memory and lets a stack grow.
  // How many bytes could be read or written from the start on.
  std::size_t read_some(RemoteAddr from, MutableBytes to) const;
  std::size_t write_some(RemoteAddr to, Bytes from);
  void read(RemoteAddr from, MutableBytes to) const;  // all of it, or std::system_error
  void write(RemoteAddr to, Bytes from);
  template <typename T>
  T peek(RemoteAddr from) const {
    T value;
    read(from, {reinterpret_cast<std::uint8_t*>(&value), sizeof value});
    return value;
  }
  template <typename T>
  void poke(RemoteAddr to, const T& value) {
    write(to, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  int memory() const { return memory_.get(); }
  // After the process executed a program: what was open was the old one's memory.
  void reopen_memory();

  // Signals that stopped a thread while it ran our calls; they were not meant for us and are sent
  // again by detach_all().
  void put_aside(pid_t tid, const siginfo_t& info) { aside_.emplace_back(tid, info); }
  // Those of one thread, which are the caller's to deliver from now on.
  std::vector<siginfo_t> take_aside(pid_t tid);

 private:
  struct Thread {
    bool stopped = false;
  };

  explicit Tracee(pid_t pid);
  bool seize_new();
  void let_go(pid_t tid);
  void stop_all(Milliseconds patience);
  void note(pid_t tid, int status);
  long request(int what, pid_t tid, void* addr, void* data) const;

  pid_t pid_;
  unsigned long options_ = 0;
  std::map<pid_t, Thread> threads_;
  UniqueFd memory_;
  std::vector<std::pair<pid_t, siginfo_t>> aside_;
};

}  // namespace starling::migrate
