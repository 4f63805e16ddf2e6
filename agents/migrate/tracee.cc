// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/tracee.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agents/common/fail.h"
#include "agents/migrate/proc_file.h"

namespace starling::migrate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxXstate = 64 * 1024;

UniqueFd open_memory(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/mem";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) fail_errno(path);
  return fd;
}

bool is_event_stop(int status) {
  return WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_STOP;
}

// Why PTRACE_SEIZE gave EPERM; empty when the thread is gone or has ended, and is not the first.
std::optional<std::string> why_untraceable(pid_t pid, pid_t tid) {
  std::string status;
  try {
    status = read_proc(pid, "task/" + std::to_string(tid) + "/status");
  } catch (const std::system_error&) {
    if (tid == pid) throw;
    return std::nullopt;
  }
  if (const auto tracer = status_number(status, "TracerPid"); tracer != 0)
    return "it is traced by pid " + std::to_string(tracer);
  const auto state = status_field(status, "State");
  if (state.starts_with("Z") || state.starts_with("X")) {
    if (tid == pid) return "its first thread has ended";
    return std::nullopt;
  }
  return "the kernel does not let it be traced";
}

}  // namespace

Tracee::Tracee(pid_t pid) : pid_(pid) {}

Tracee::Tracee(Tracee&& other) noexcept
    : pid_(other.pid_),
      options_(other.options_),
      threads_(std::exchange(other.threads_, {})),
      memory_(std::move(other.memory_)),
      aside_(std::exchange(other.aside_, {})) {}

Tracee::~Tracee() {
  try {
    detach_all();
  } catch (const std::exception&) {
    // It ended meanwhile: nothing is left to let go.
  }
}

Tracee Tracee::freeze(pid_t pid, Milliseconds patience) {
  Tracee tracee(pid);
  try {
    tracee.stop_all(patience);
    tracee.memory_ = open_memory(pid);
  } catch (const std::system_error& e) {
    if (e.code().value() == ESRCH || e.code().value() == ENOENT) throw ProcessGone("it ended");
    throw;
  }
  return tracee;
}

Tracee Tracee::adopt(pid_t pid) {
  Tracee tracee(pid);
  if (::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0) fail_errno("PTRACE_SEIZE");
  tracee.threads_[pid] = {};
  tracee.memory_ = open_memory(pid);
  return tracee;
}

void Tracee::reopen_memory() {
  memory_ = open_memory(pid_);
}

// Seizes the threads not known yet; false when there was none.
bool Tracee::seize_new() {
  bool found = false;
  for (const pid_t tid : read_tasks(pid_)) {
    if (threads_.contains(tid)) continue;
    if (::ptrace(PTRACE_SEIZE, tid, nullptr, options_) != 0) {
      if (errno == ESRCH) continue;  // this thread ended between the listing and now
      if (errno == EPERM) {
        if (const auto reason = why_untraceable(pid_, tid)) throw StaysHome(*reason);
        continue;  // it has ended meanwhile
      }
      fail_errno("PTRACE_SEIZE");
    }
    threads_[tid] = {};
    found = true;
    interrupt(tid);
  }
  return found;
}

void Tracee::stop_all(Milliseconds patience) {
  const auto end = Clock::now() + patience;
  // A thread that runs may start others; once all that are listed are stopped, none can.
  while (seize_new()) {
    for (const pid_t tid : threads()) {
      while (has(tid) && !threads_[tid].stopped) {
        const auto left = std::chrono::ceil<Milliseconds>(end - Clock::now());
        std::optional<int> status;
        try {
          status = wait(tid, std::max(left, Milliseconds(0)));
        } catch (const ProcessGone&) {
          if (tid == pid_) throw;
          continue;  // this thread only
        }
        if (!status) {
          throw StaysHome("thread " + std::to_string(tid) +
                          " is inside the kernel and cannot be interrupted");
        }
        if (!WIFSTOPPED(*status)) {
          if (tid == pid_) throw ProcessGone("it ended");
          continue;
        }
        if (is_event_stop(*status)) {
          if (WSTOPSIG(*status) != SIGTRAP) throw StaysHome("it is stopped");
        } else {
          // A signal came first: it takes effect as ever, and our stop comes next.
          resume(tid, *status >> 16 == 0 ? WSTOPSIG(*status) : 0);
        }
      }
    }
  }
  if (threads_.empty()) throw ProcessGone("it ended");
}

std::vector<pid_t> Tracee::threads() const {
  std::vector<pid_t> tids;
  if (has(pid_)) tids.push_back(pid_);
  for (const auto& [tid, thread] : threads_)
    if (tid != pid_) tids.push_back(tid);
  return tids;
}

long Tracee::request(int what, pid_t tid, void* addr, void* data) const {
  const long answer = ::ptrace(static_cast<__ptrace_request>(what), tid, addr, data);
  if (answer == -1 && errno != 0) {
    if (errno == ESRCH) throw ProcessGone("thread " + std::to_string(tid) + " is gone");
    fail_errno("ptrace request " + std::to_string(what));
  }
  return answer;
}

void Tracee::set_options(unsigned long options) {
  options_ = options;
  for (const auto& [tid, thread] : threads_)
    request(PTRACE_SETOPTIONS, tid, nullptr, reinterpret_cast<void*>(options));
}

void Tracee::set_options(pid_t tid, unsigned long options) {
  request(PTRACE_SETOPTIONS, tid, nullptr, reinterpret_cast<void*>(options));
}

Registers Tracee::registers(pid_t tid) const {
  Registers registers{};
  request(PTRACE_GETREGS, tid, nullptr, &registers);
  return registers;
}

void Tracee::set_registers(pid_t tid, const Registers& registers) {
  request(PTRACE_SETREGS, tid, nullptr, const_cast<Registers*>(&registers));
}

std::vector<std::uint8_t> Tracee::xstate(pid_t tid) const {
  std::vector<std::uint8_t> bytes(kMaxXstate);
  iovec iov{bytes.data(), bytes.size()};
  request(PTRACE_GETREGSET, tid, reinterpret_cast<void*>(NT_X86_XSTATE), &iov);
  bytes.resize(iov.iov_len);
  return bytes;
}

void Tracee::set_xstate(pid_t tid, Bytes xstate) {
  iovec iov{const_cast<std::uint8_t*>(xstate.data()), xstate.size()};
  request(PTRACE_SETREGSET, tid, reinterpret_cast<void*>(NT_X86_XSTATE), &iov);
}

std::uint64_t Tracee::mask(pid_t tid) const {
  std::uint64_t mask = 0;
  request(PTRACE_GETSIGMASK, tid, reinterpret_cast<void*>(sizeof mask), &mask);
  return mask;
}

void Tracee::set_mask(pid_t tid, std::uint64_t mask) {
  request(PTRACE_SETSIGMASK, tid, reinterpret_cast<void*>(sizeof mask), &mask);
}

siginfo_t Tracee::signal_info(pid_t tid) const {
  siginfo_t info{};
  request(PTRACE_GETSIGINFO, tid, nullptr, &info);
  return info;
}

void Tracee::set_signal_info(pid_t tid, const siginfo_t& info) {
  request(PTRACE_SETSIGINFO, tid, nullptr, const_cast<siginfo_t*>(&info));
}

unsigned long Tracee::event_message(pid_t tid) const {
  unsigned long message = 0;
  request(PTRACE_GETEVENTMSG, tid, nullptr, &message);
  return message;
}

void Tracee::resume(pid_t tid, int signal) {
  request(PTRACE_CONT, tid, nullptr, reinterpret_cast<void*>(static_cast<long>(signal)));
  threads_[tid].stopped = false;
}

void Tracee::resume_to_syscall(pid_t tid, int signal) {
  request(PTRACE_SYSCALL, tid, nullptr, reinterpret_cast<void*>(static_cast<long>(signal)));
  threads_[tid].stopped = false;
}

void Tracee::step(pid_t tid, int signal) {
  request(PTRACE_SINGLESTEP, tid, nullptr, reinterpret_cast<void*>(static_cast<long>(signal)));
  threads_[tid].stopped = false;
}

void Tracee::interrupt(pid_t tid) {
  if (::ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr) != 0 && errno != ESRCH)
    fail_errno("PTRACE_INTERRUPT");
}

void Tracee::note(pid_t tid, int status) {
  const auto thread = threads_.find(tid);
  if (thread == threads_.end()) return;
  if (WIFSTOPPED(status)) {
    thread->second.stopped = true;
  } else {
    threads_.erase(thread);
  }
}

std::optional<int> Tracee::wait(pid_t tid, Milliseconds patience) {
  // Reports mostly come within microseconds of each other; then sleeping would cost more than
  // yielding.
  const auto yield_end = Clock::now() + std::chrono::microseconds(300);
  const auto end = Clock::now() + patience;
  auto pause = std::chrono::microseconds(20);
  while (true) {
    int status = 0;
    const pid_t got = ::waitpid(tid, &status, WNOHANG | __WALL);
    if (got == tid) {
      note(tid, status);
      return status;
    }
    if (got < 0 && errno == ECHILD) {
      threads_.erase(tid);
      throw ProcessGone("thread " + std::to_string(tid) + " is gone");
    }
    const auto now = Clock::now();
    if (now >= end) return std::nullopt;
    if (now < yield_end) {
      ::sched_yield();
      continue;
    }
    ::usleep(static_cast<useconds_t>(pause.count()));
    pause = std::min(pause * 2, std::chrono::microseconds(2000));
  }
}

std::optional<std::pair<pid_t, int>> Tracee::poll() {
  int status = 0;
  const pid_t tid = ::waitpid(-1, &status, WNOHANG | __WALL);
  if (tid <= 0) return std::nullopt;
  note(tid, status);
  return std::pair{tid, status};
}

bool Tracee::stopped(pid_t tid) const {
  const auto thread = threads_.find(tid);
  return thread != threads_.end() && thread->second.stopped;
}

void Tracee::add(pid_t tid) {
  threads_.try_emplace(tid);
}

void Tracee::detach(pid_t tid, int signal) {
  ::ptrace(PTRACE_DETACH, tid, nullptr, reinterpret_cast<void*>(static_cast<long>(signal)));
  threads_.erase(tid);
}

std::vector<siginfo_t> Tracee::take_aside(pid_t tid) {
  std::vector<siginfo_t> infos;
  std::erase_if(aside_, [&](const auto& entry) {
    if (entry.first != tid) return false;
    infos.push_back(entry.second);
    return true;
  });
  return infos;
}

void Tracee::detach_all() {
  // Queued while all are stopped, so that they take effect when the threads run again.
  for (const auto& [tid, info] : aside_) {
    siginfo_t copy = info;
    if (copy.si_code < 0) {
      ::syscall(SYS_rt_tgsigqueueinfo, pid_, tid, copy.si_signo, &copy);
    } else {
      ::syscall(SYS_tgkill, pid_, tid, copy.si_signo);
    }
  }
  aside_.clear();
  // The end of the first thread is reported after that of all others, if they are ending; and a
  // dead thread that its tracer does not take note of keeps its process from being reaped.
  std::vector<pid_t> tids = threads();
  if (!tids.empty() && tids.front() == pid_)
    std::rotate(tids.begin(), tids.begin() + 1, tids.end());
  for (const pid_t tid : tids) let_go(tid);
}

void Tracee::let_go(pid_t tid) {
  if (stopped(tid) && ::ptrace(PTRACE_DETACH, tid, nullptr, nullptr) == 0) {
    threads_.erase(tid);
    return;
  }
  // Only a stopped thread can be let go; one that was killed in its stop has an end to report.
  interrupt(tid);
  try {
    if (wait(tid, Milliseconds(1000)) && has(tid)) detach(tid);
  } catch (const ProcessGone&) {
    // Another took note of its end.
  }
}

void Tracee::forget() {
  threads_.clear();
  aside_.clear();
}

std::size_t Tracee::read_some(RemoteAddr from, MutableBytes to) const {
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t n = ::pread(memory_.get(), to.data() + done, to.size() - done,
                              static_cast<off_t>(from.value + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

std::size_t Tracee::write_some(RemoteAddr to, Bytes from) {
  std::size_t done = 0;
  while (done < from.size()) {
    const ssize_t n = ::pwrite(memory_.get(), from.data() + done, from.size() - done,
                               static_cast<off_t>(to.value + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

void Tracee::read(RemoteAddr from, MutableBytes to) const {
  errno = 0;
  if (read_some(from, to) == to.size()) return;
  if (errno == 0) throw ProcessGone("its memory is gone");
  fail_errno("reading the memory of pid " + std::to_string(pid_));
}

void Tracee::write(RemoteAddr to, Bytes from) {
  errno = 0;
  if (write_some(to, from) == from.size()) return;
  if (errno == 0) throw ProcessGone("its memory is gone");
  fail_errno("writing the memory of pid " + std::to_string(pid_));
}

}  // namespace starling::migrate
