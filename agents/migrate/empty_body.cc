// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/empty_body.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <thread>

#include "agents/common/fail.h"
#include "agents/migrate/body_stub.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace starling::migrate {
namespace {

constexpr Tracee::Milliseconds kPatience(10'000);
constexpr std::int64_t kSecond = 1'000'000'000;

// What the child writes when it cannot become a stub.
struct Failure {
  int step;
  int error;
};
constexpr const char* kSteps[] = {"its namespaces", "an empty root", "its program"};

std::pair<UniqueFd, UniqueFd> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail_errno("pipe2");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// The child has a copy of this process: only system calls from here on.
struct Child {
  int stub;
  int go;      // one byte: the tracer is there
  int report;  // Failure; closed by a successful exec

  [[noreturn]] void fail(int step) const {
    const Failure failure{step, errno};
    [[maybe_unused]] const auto n = ::write(report, &failure, sizeof failure);
    ::_exit(127);
  }

  // A file system of its own with nothing in it, in place of everything.
  static bool empty_root() {
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
    if (::mount("none", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=1") !=
            0 ||
        ::chdir("/tmp") != 0) {
      return false;
    }
    // The old root ends up on top of the new one and is taken off, pivot_root(2).
    if (::syscall(SYS_pivot_root, ".", ".") == 0) {
      if (::umount2(".", MNT_DETACH) != 0) return false;
    } else if (::chroot(".") != 0) {  // the root is the initramfs
      return false;
    }
    if (::chdir("/") != 0) return false;
    return ::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                   nullptr) == 0;
  }

  [[noreturn]] void run() const {
    for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setsid();
    if (::unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) != 0)
      fail(0);
    if (!empty_root()) fail(1);
    char byte;
    if (::read(go, &byte, 1) != 1) ::_exit(127);
    // Everything that is open ends with exec.
    if (::syscall(SYS_close_range, 0, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */) != 0) fail(2);
    // The stub's few mappings lie high up where the scratch area never is.
    ::personality(ADDR_NO_RANDOMIZE);
    const char* const argv[] = {"starling-body", nullptr};
    const char* const envp[] = {nullptr};
    ::syscall(SYS_execveat, stub, "", argv, envp, AT_EMPTY_PATH);
    fail(2);
  }
};

// Only who is in a pid namespace can say which number comes next there: proc_sys_kernel(5). It is
// told one, and answers 1 when it has said so.
[[noreturn]] void run_init(int lifeline) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, "body-init");
  ::signal(SIGCHLD, SIG_IGN);
  ::dup2(lifeline, 0);
  ::syscall(SYS_close_range, 1, ~0U, 0);
  const int last_pid = ::open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
  while (true) {
    std::int32_t number = 0;
    const ssize_t n = ::recv(0, &number, sizeof number, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n != sizeof number) ::_exit(0);
    char text[16];
    const int size = std::snprintf(text, sizeof text, "%d", number - 1);
    const char done = ::pwrite(last_pid, text, static_cast<std::size_t>(size), 0) == size;
    if (::send(0, &done, 1, MSG_NOSIGNAL) != 1) ::_exit(0);
  }
}

void write_all_of(const char* path, const std::string& text) {
  const UniqueFd fd(::open(path, O_WRONLY | O_CLOEXEC));
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    fail_errno(path);
}

std::string offset_line(const char* clock, std::int64_t ns) {
  std::int64_t seconds = ns / kSecond;
  std::int64_t rest = ns % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --seconds;
  }
  return std::string(clock) + " " + std::to_string(seconds) + " " + std::to_string(rest) + "\n";
}

// The first thread of a process is reported after all the others.
void reap(std::vector<pid_t> left) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!left.empty() && std::chrono::steady_clock::now() < end) {
    std::erase_if(left, [](pid_t tid) {
      int status;
      pid_t got;
      do {
        got = ::waitpid(tid, &status, WNOHANG | __WALL);
      } while (got == tid && WIFSTOPPED(status));  // a stop from before
      return got == tid || (got < 0 && errno == ECHILD);
    });
    if (!left.empty()) std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

// New children would go into the body's namespaces, and no thread could be started, until this
// process's own are chosen again.
void return_to_own_namespaces() {
  for (const auto& [path, kind] : {std::pair{"/proc/self/ns/pid", CLONE_NEWPID},
                                   std::pair{"/proc/self/ns/time", CLONE_NEWTIME}}) {
    const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
    if (!fd || ::setns(fd.get(), kind) != 0) fail_errno(path);
  }
}

}  // namespace

EmptyBody::EmptyBody(const pb::Hello& hello, const ClockOffsets& clocks)
    : inner_(static_cast<pid_t>(hello.pid())) {
  if (inner_ <= 1) throw StaysHome("pid " + std::to_string(inner_) + " cannot be had by a body");
  try {
    make_namespaces(clocks);
    start_init();
    start_stub();
    return_to_own_namespaces();
    prepare(RemoteAddr{hello.scratch()});
  } catch (const std::system_error& e) {
    kill();
    end_init();
    throw StaysHome(std::string("the guest cannot make a body: ") + e.what());
  } catch (...) {
    kill();
    end_init();
    throw;
  }
}

EmptyBody::~EmptyBody() {
  kill();
  end_init();
}

void EmptyBody::make_namespaces(const ClockOffsets& clocks) {
  if (::unshare(CLONE_NEWPID | CLONE_NEWTIME) != 0) fail_errno("new pid and time namespaces");
  write_all_of("/proc/self/timens_offsets", offset_line("monotonic", clocks.monotonic) +
                                                offset_line("boottime", clocks.boottime));
}

void EmptyBody::start_init() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) fail_errno("socketpair");
  lifeline_.reset(ends[0]);
  const UniqueFd other(ends[1]);
  init_ = ::fork();
  if (init_ < 0) fail_errno("fork");
  if (init_ == 0) run_init(other.get());
}

void EmptyBody::start_stub() {
  const UniqueFd stub = make_body_stub();
  auto [go_read, go_write] = make_pipe();
  auto [report_read, report_write] = make_pipe();
  const Child child{stub.get(), go_read.get(), report_write.get()};

  int pidfd = -1;
  pid_t tid = inner_;
  clone_args args{};
  args.flags = CLONE_PIDFD;
  args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  args.set_tid = reinterpret_cast<std::uint64_t>(&tid);
  args.set_tid_size = 1;
  const long got = ::syscall(SYS_clone3, &args, sizeof args);
  if (got < 0) fail_errno("pid " + std::to_string(inner_) + " in a new namespace");
  if (got == 0) child.run();
  pid_ = static_cast<pid_t>(got);
  pidfd_.reset(pidfd);
  go_read.reset();
  report_write.reset();

  tracee_.emplace(Tracee::adopt(pid_));
  if (::write(go_write.get(), "g", 1) != 1) fail_errno("starting the body");
  Failure failure{};
  ssize_t n;
  do {
    n = ::read(report_read.get(), &failure, sizeof failure);
  } while (n < 0 && errno == EINTR);
  if (n == sizeof failure) {
    errno = failure.error;
    fail_errno(kSteps[failure.step]);
  }
}

void EmptyBody::prepare(RemoteAddr scratch) {
  const auto status = tracee_->wait(pid_, kPatience);
  if (!status || !WIFSTOPPED(*status) || WSTOPSIG(*status) != SIGTRAP)
    throw StaysHome("the guest cannot make a body: its program did not start");
  tracee_->set_options(PTRACE_O_EXITKILL);
  tracee_->reopen_memory();
  scratch_.emplace(*tracee_, pid_, scratch);
  const auto fd = scratch_->call(pid_, SYS_userfaultfd, {O_CLOEXEC | O_NONBLOCK});
  if (fd < 0) {
    errno = static_cast<int>(-fd);
    fail_errno("userfaultfd");
  }
  userfaultfd_ = fetch(static_cast<int>(fd));
  // A daemon may be protected from the out-of-memory killer; its guests are not.
  write_all_of(("/proc/" + std::to_string(pid_) + "/oom_score_adj").c_str(), "0");
}

UniqueFd EmptyBody::fetch(int descriptor) const {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd_.get(), descriptor, 0)));
  if (!fd) fail_errno("pidfd_getfd");
  return fd;
}

bool EmptyBody::set_next_number(pid_t number) {
  char done = 0;
  return ::send(lifeline_.get(), &number, sizeof number, MSG_NOSIGNAL) == sizeof number &&
         ::recv(lifeline_.get(), &done, 1, 0) == 1 && done == 1;
}

void EmptyBody::kill() {
  if (pid_ <= 0) return;
  // Either names this very process: it is not reaped before the loop below.
  if (!pidfd_ || ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0) != 0)
    ::kill(pid_, SIGKILL);
  reap(tracee_ ? tracee_->threads() : std::vector{pid_});
  if (tracee_) tracee_->forget();
  pid_ = 0;
}

void EmptyBody::end_init() {
  lifeline_.reset();
  if (init_ <= 0) return;
  ::kill(init_, SIGKILL);
  reap({init_});
  init_ = 0;
}

}  // namespace starling::migrate
