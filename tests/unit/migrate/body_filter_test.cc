// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/body_filter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atomic>
#include <cstring>
#include <optional>
#include <random>

#include "agents/common/fail.h"
#include "agents/common/unique_fd.h"

namespace starling::migrate {
namespace {

// What the program answers: classic BPF as seccomp runs it;
// linux/Documentation/networking/filter.rst.
std::uint32_t run(const std::vector<sock_filter>& program, const seccomp_data& data) {
  std::uint32_t a = 0;
  for (std::size_t pc = 0; pc < program.size(); ++pc) {
    const sock_filter& i = program[pc];
    switch (i.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&a, reinterpret_cast<const char*>(&data) + i.k, 4);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        a &= i.k;
        break;
      case BPF_JMP | BPF_JA:
        pc += i.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        pc += a == i.k ? i.jt : i.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        pc += a >= i.k ? i.jt : i.jf;
        break;
      case BPF_RET | BPF_K:
        return i.k;
      default:
        ADD_FAILURE() << "an instruction the program should not have: " << i.code;
        return 0;
    }
  }
  ADD_FAILURE() << "the program runs off its end";
  return 0;
}

seccomp_data call_of(long nr, const CallArgs& args = {}, std::uint64_t ip = 0x400000) {
  seccomp_data data{};
  data.nr = static_cast<int>(nr);
  data.arch = AUDIT_ARCH_X86_64;
  data.instruction_pointer = ip;
  std::copy(args.begin(), args.end(), data.args);
  return data;
}

constexpr CallContext kContext{.pid = 321, .tid = 321, .shared_memory = true};

// Arguments that meet the conditions of the table more often than chance would.
CallArgs likely_args(const SyscallRule& rule, std::mt19937_64& random) {
  CallArgs args;
  for (auto& arg : args) arg = random() % 3 == 0 ? random() : random() % 4;
  if (rule.cases.empty()) return args;
  const Case& c = rule.cases[random() % rule.cases.size()];
  for (const Condition& condition : c.when) {
    std::uint64_t& arg = args[condition.arg];
    switch (condition.test) {
      case Condition::Test::equal:
        arg = (arg & ~condition.mask) | condition.value;
        if (random() % 8 == 0) arg ^= 1ULL << (random() % 64);
        break;
      case Condition::Test::differs:
        if (random() % 2 == 0) arg ^= 1ULL << (random() % 64);
        break;
      case Condition::Test::below:
        arg = condition.value + random() % 3 - 1;
        break;
      case Condition::Test::own_pid:
      case Condition::Test::own_tid:
        if (random() % 2 == 0) arg = 321;
        break;
      default:
        break;
    }
  }
  return args;
}

TEST(BodyFilter, AllowsWhatTheTableCallsLocalAndNothingElse) {
  std::mt19937_64 random(20);
  for (const bool shared : {true, false}) {
    CallContext context = kContext;
    context.shared_memory = shared;
    const auto program =
        body_filter({.pid = 321, .shared_memory = shared, .scratch = {}, .scratch_calls = {}});
    int allowed = 0, notified = 0;
    for (const SyscallRule& rule : syscall_table()) {
      for (int i = 0; i < 400; ++i) {
        const CallArgs args = likely_args(rule, random);
        const bool local =
            classify(AUDIT_ARCH_X86_64, rule.nr, args, context).where == CallClass::local;
        const std::uint32_t answer = run(program, call_of(rule.nr, args));
        ASSERT_TRUE(answer == SECCOMP_RET_ALLOW || answer == SECCOMP_RET_USER_NOTIF);
        // BPF does not see the calling thread: who answers finds these local.
        const bool by_thread = rule.name == "tkill" || rule.name == "tgkill";
        ASSERT_EQ(answer == SECCOMP_RET_ALLOW, local && !by_thread) << rule.name;
        ++(answer == SECCOMP_RET_ALLOW ? allowed : notified);
      }
    }
    EXPECT_GT(allowed, 10'000);
    EXPECT_GT(notified, 100'000);
  }
}

TEST(BodyFilter, UnknownNumbersAndOtherAbisNotify) {
  const auto program =
      body_filter({.pid = 1, .shared_memory = true, .scratch = {}, .scratch_calls = {}});
  for (const long nr : {-1L, 470L, 1000L, 0x40000000L | SYS_getpid, 0x40000000L | SYS_futex}) {
    EXPECT_EQ(run(program, call_of(nr)), SECCOMP_RET_USER_NOTIF) << nr;
  }
  seccomp_data other = call_of(SYS_getpid);
  other.arch = AUDIT_ARCH_I386;
  EXPECT_EQ(run(program, other), SECCOMP_RET_USER_NOTIF);
}

TEST(BodyFilter, TheScratchRangeEndsWhereItEnds) {
  const RemoteRange scratch{{0x7fffffff0000}, {0x7fffffff1000}};
  auto program =
      body_filter({.pid = 1, .shared_memory = true, .scratch = scratch, .scratch_calls = {}});
  // The instruction pointer is behind the instruction, which is two bytes long.
  const auto at = [&](std::uint64_t ip) { return run(program, call_of(SYS_openat, {}, ip)); };
  EXPECT_EQ(at(0x7fffffff0000), SECCOMP_RET_USER_NOTIF);
  EXPECT_EQ(at(0x7fffffff0002), SECCOMP_RET_ALLOW);
  EXPECT_EQ(at(0x7fffffff1000), SECCOMP_RET_ALLOW);
  EXPECT_EQ(at(0x7fffffff1001), SECCOMP_RET_USER_NOTIF);
  EXPECT_EQ(at(0x7ffeffff0800), SECCOMP_RET_USER_NOTIF);
  EXPECT_EQ(at(0xffff0800), SECCOMP_RET_USER_NOTIF);
  // Also for calls that have local cases, and not for other ABIs.
  EXPECT_EQ(run(program, call_of(SYS_mmap, {0, 4096, 1, 1, 3}, 0x7fffffff0800)), SECCOMP_RET_ALLOW);
  EXPECT_EQ(run(program, call_of(SYS_mmap, {0, 4096, 1, 1, 3})), SECCOMP_RET_USER_NOTIF);
  EXPECT_EQ(run(program, call_of(0x40000000, {}, 0x7fffffff0800)), SECCOMP_RET_USER_NOTIF);

  program = body_filter({.pid = 1,
                         .shared_memory = true,
                         .scratch = scratch,
                         .scratch_calls = {{SYS_mmap, SYS_close}}});
  EXPECT_EQ(run(program, call_of(SYS_close, {}, 0x7fffffff0800)), SECCOMP_RET_ALLOW);
  EXPECT_EQ(run(program, call_of(SYS_mmap, {0, 4096, 1, 1, 3}, 0x7fffffff0800)), SECCOMP_RET_ALLOW);
  EXPECT_EQ(at(0x7fffffff0800), SECCOMP_RET_USER_NOTIF);

  EXPECT_THROW(body_filter({.pid = 1,
                            .shared_memory = true,
                            .scratch = {{0x1fffff000}, {0x200001000}},
                            .scratch_calls = {}}),
               std::invalid_argument);
}

// The kernel's action cache answers calls without running the program only while it looks at
// nothing but the number on the way to ALLOW.
TEST(BodyFilter, CallsThatAreAlwaysLocalAreDecidedByNumberAlone) {
  const auto program = body_filter(
      {.pid = 1, .shared_memory = true, .scratch = {{0x1000}, {0x2000}}, .scratch_calls = {}});
  for (const SyscallRule& rule : syscall_table()) {
    if (rule.otherwise.where != CallClass::local || !rule.cases.empty()) continue;
    std::uint32_t a = 0;
    for (std::size_t pc = 0; pc < program.size(); ++pc) {
      const sock_filter& i = program[pc];
      if (i.code == (BPF_RET | BPF_K)) break;
      if (i.code == (BPF_LD | BPF_W | BPF_ABS)) {
        ASSERT_TRUE(i.k == offsetof(seccomp_data, nr) || i.k == offsetof(seccomp_data, arch))
            << rule.name;
        a = i.k == offsetof(seccomp_data, nr) ? static_cast<std::uint32_t>(rule.nr)
                                              : AUDIT_ARCH_X86_64;
      } else if (i.code == (BPF_JMP | BPF_JA)) {
        pc += i.k;
      } else {
        const bool yes = i.code == (BPF_JMP | BPF_JEQ | BPF_K) ? a == i.k : a >= i.k;
        pc += yes ? i.jt : i.jf;
      }
    }
  }
}

// -- under the real kernel -----------------------------------------------------------------------

// In memory shared with the child, which makes the calls it is told under the filter.
struct Board {
  std::atomic<int> order{0};  // the call to make: its sequence number; 0: none yet
  std::atomic<int> done{0};
  std::atomic<int> listener{-1};
  long nr = 0;
  std::uint64_t args[6] = {};
  long result = 0;
  bool from_scratch = false;
};

long raw_call(long nr, const std::uint64_t* a) {
  long result;
  register std::uint64_t r10 asm("r10") = a[3];
  register std::uint64_t r8 asm("r8") = a[4];
  register std::uint64_t r9 asm("r9") = a[5];
  asm volatile("syscall"
               : "=a"(result)
               : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

// mov %rdi,%rax; mov %rsi,%rdi; mov %rdx,%rsi; mov %rcx,%rdx; syscall; ret: a call of 3 arguments.
constexpr std::uint8_t kScratchCode[] = {0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89,
                                         0xd6, 0x48, 0x89, 0xca, 0x0f, 0x05, 0xc3};
using ScratchCall = long (*)(long, std::uint64_t, std::uint64_t, std::uint64_t);

class Sandbox {
 public:
  Sandbox() {
    scratch_ = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void* board =
        ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (scratch_ == MAP_FAILED || board == MAP_FAILED) fail_errno("mmap");
    std::memcpy(scratch_, kScratchCode, sizeof kScratchCode);
    board_ = new (board) Board;
    child_ = ::fork();
    if (child_ < 0) fail_errno("fork");
    if (child_ == 0) serve();
    while (board_->listener == -1 && running()) ::sched_yield();
    if (board_->listener < 0) throw std::runtime_error("the child could not install the filter");
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child_, 0)));
    listener_.reset(
        static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), board_->listener.load(), 0)));
    if (!listener_) fail_errno("pidfd_getfd");
  }
  ~Sandbox() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    ::munmap(board_, sizeof(Board));
    ::munmap(scratch_, kPage);
  }

  static constexpr long kAnswer = -77;  // what notified calls get

  // Whether the call notified; its result is in result().
  bool notifies(long nr, const CallArgs& args = {}, bool from_scratch = false) {
    board_->nr = nr;
    std::copy(args.begin(), args.end(), board_->args);
    board_->from_scratch = from_scratch;
    const int order = ++board_->order;
    bool notified = false;
    while (board_->done != order) {
      pollfd listening{listener_.get(), POLLIN, 0};
      if (::poll(&listening, 1, 1) == 1 && (listening.revents & POLLIN) != 0) {
        seccomp_notif request{};
        if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) continue;
        EXPECT_EQ(request.data.nr, static_cast<int>(nr));
        seccomp_notif_resp response{};
        response.id = request.id;
        response.error = kAnswer;
        if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) != 0)
          fail_errno("NOTIF_SEND");
        notified = true;
      } else if (!running()) {
        throw std::runtime_error("the child under the filter died");
      }
    }
    return notified;
  }
  long result() const { return board_->result; }
  pid_t pid() const { return child_; }

 private:
  bool running() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
  }

  [[noreturn]] void serve() {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const auto at = reinterpret_cast<std::uint64_t>(scratch_);
    const auto program = body_filter({.pid = ::getpid(),
                                      .shared_memory = true,
                                      .scratch = {{at}, {at + kPage}},
                                      .scratch_calls = {}});
    const sock_fprog code{static_cast<unsigned short>(program.size()),
                          const_cast<sock_filter*>(program.data())};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const long fd =
        ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                  SECCOMP_FILTER_FLAG_NEW_LISTENER | (1UL << 5) /* WAIT_KILLABLE_RECV */, &code);
    board_->listener = fd < 0 ? -2 : static_cast<int>(fd);
    const std::uint64_t none[6] = {};
    for (int made = 0;;) {
      if (board_->order == made) {
        raw_call(SYS_sched_yield, none);
        continue;
      }
      made = board_->order;
      const std::uint64_t* a = board_->args;
      board_->result = board_->from_scratch
                           ? reinterpret_cast<ScratchCall>(scratch_)(board_->nr, a[0], a[1], a[2])
                           : raw_call(board_->nr, a);
      board_->done = made;
    }
  }

  void* scratch_;
  Board* board_;
  pid_t child_;
  UniqueFd listener_;
};

TEST(BodyFilterInKernel, HotCallsRunInTheBody) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer's own thread makes calls in the sandbox, too";
#endif
  Sandbox sandbox;
  EXPECT_FALSE(sandbox.notifies(SYS_getpid));
  EXPECT_EQ(sandbox.result(), sandbox.pid());
  EXPECT_FALSE(sandbox.notifies(
      SYS_mmap, {0, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0ULL, 0}));
  const auto memory = static_cast<std::uint64_t>(sandbox.result());
  ASSERT_GT(sandbox.result(), 0);
  EXPECT_FALSE(sandbox.notifies(SYS_mprotect, {memory, kPage, PROT_READ}));
  EXPECT_EQ(sandbox.result(), 0);
  EXPECT_FALSE(sandbox.notifies(SYS_madvise, {memory, kPage, MADV_DONTNEED}));
  EXPECT_EQ(sandbox.result(), 0);
  EXPECT_FALSE(sandbox.notifies(SYS_clock_gettime, {CLOCK_MONOTONIC, memory + kPage}));
  EXPECT_EQ(sandbox.result(), 0);
  EXPECT_FALSE(sandbox.notifies(SYS_futex, {memory + kPage, FUTEX_WAKE_PRIVATE, 1}));
  EXPECT_EQ(sandbox.result(), 0);
  EXPECT_FALSE(sandbox.notifies(SYS_rt_sigprocmask, {0, 0, memory + kPage, 8}));
  EXPECT_EQ(sandbox.result(), 0);
  EXPECT_FALSE(sandbox.notifies(SYS_getrandom, {memory + kPage, 16, 0}));
  EXPECT_EQ(sandbox.result(), 16);
  EXPECT_FALSE(sandbox.notifies(SYS_munmap, {memory, 2 * kPage}));
  EXPECT_EQ(sandbox.result(), 0);
  EXPECT_FALSE(sandbox.notifies(SYS_brk));
}

TEST(BodyFilterInKernel, CallsOfHomeNotifyAndGetTheAnswer) {
  Sandbox sandbox;
  const std::pair<long, CallArgs> calls[] = {
      {SYS_read, {0, 0, 0}},
      {SYS_openat, {0, 0, 0}},
      {SYS_getppid, {}},
      {SYS_clone3, {0, 0}},
      {SYS_mmap, {0, kPage, PROT_READ, MAP_PRIVATE, 0, 0}},
      {SYS_mmap, {0, kPage, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, ~0ULL, 0}},
      {SYS_futex, {0, FUTEX_WAKE, 1}},
      {SYS_clock_gettime, {CLOCK_PROCESS_CPUTIME_ID, 0}},
      {SYS_madvise, {0, 0, MADV_MERGEABLE}},
      {SYS_arch_prctl, {0x5001}},
      {SYS_tgkill,
       {static_cast<std::uint64_t>(sandbox.pid()), static_cast<std::uint64_t>(sandbox.pid()), 0}},
      {SYS_exit_group, {0}},
      {SYS_mremap, {}},
      {0x40000000L | SYS_getpid, {}},
      {470, {}},
      {100000, {}},
  };
  for (const auto& [nr, args] : calls) {
    EXPECT_TRUE(sandbox.notifies(nr, args)) << nr;
    EXPECT_EQ(sandbox.result(), Sandbox::kAnswer) << nr;
  }
}

TEST(BodyFilterInKernel, CallsFromTheScratchRangeRun) {
  Sandbox sandbox;
  EXPECT_TRUE(sandbox.notifies(SYS_getppid));
  EXPECT_FALSE(sandbox.notifies(SYS_getppid, {}, true));
  EXPECT_EQ(sandbox.result(), ::getpid());
  EXPECT_FALSE(sandbox.notifies(SYS_close, {9999}, true));
  EXPECT_EQ(sandbox.result(), -EBADF);
}

}  // namespace
}  // namespace starling::migrate
