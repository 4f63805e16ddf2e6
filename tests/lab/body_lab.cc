// SPDX-License-Identifier: GPL-2.0-or-later
// starling-body driven message by message by a home that is part of the test, so that the test sees
// all that a body asks for and nothing it does is made up for by a real home.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>

#include "agents/common/clock.h"
#include "agents/migrate/call_codec.h"
#include "agents/migrate/capture.h"
#include "agents/migrate/connector.h"
#include "agents/migrate/deputy_exit.h"
#include "agents/migrate/message.h"
#include "agents/migrate/page_source.h"
#include "agents/migrate/proc_file.h"
#include "agents/migrate/process_maps.h"
#include "agents/migrate/restart.h"
#include "agents/migrate/wire.h"
#include "tests/unit/migrate/child.h"

namespace starling::migrate {
namespace {

using testing::HasSubstr;

constexpr int kPatienceMs = 20'000;

// What a subject reads: set by the test in the frozen process, or in the body by coming along.
struct Orders {
  volatile std::uint64_t scratch;
  volatile std::uint64_t go;
};
Orders orders;

// Set by a subject, looked at by the test in the state that came home.
volatile std::uint64_t result;
volatile std::uint64_t handled;

template <typename T>
RemoteAddr address_of(T& object) {
  return {reinterpret_cast<std::uint64_t>(&object)};
}

long call(long nr, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0,
          std::uint64_t d = 0) {
  long out;
  register std::uint64_t r10 asm("r10") = d;
  asm volatile("syscall"
               : "=a"(out)
               : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
               : "rcx", "r11", "memory");
  return out;
}

int counts_for_ever() {
  while (true) handled = handled + 1;
}

// One life of a body and the home that watches it.
class Life {
 public:
  explicit Life(const std::function<int()>& subject, std::vector<std::string> more = {})
      : child_([&] {
          while (orders.go == 0) {
          }
          return subject();
        }) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
    helper_ = ::fork();
    if (helper_ == 0) {
      ::dup2(pair[1], 3);
      ::syscall(SYS_close_range, 4, ~0U, 0);
      std::vector<std::string> arguments{STARLING_BODY, "--plain",   "--connection-fd",
                                         "3",           "--address", "::1"};
      arguments.insert(arguments.end(), more.begin(), more.end());
      std::vector<char*> argv;
      for (auto& a : arguments) argv.push_back(a.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(pair[1]);
    control_.emplace(plain_stream(pair[0]));
  }

  ~Life() {
    control_.reset();
    pages_.reset();
    if (tracee_) kill_process(*tracee_);
    if (helper_ > 0) {
      ::kill(helper_, SIGKILL);
      ::waitpid(helper_, nullptr, 0);
    }
  }

  FrameChannel& control() { return *control_; }
  pid_t pid() const { return child_.pid(); }
  pid_t helper() const { return helper_; }
  RemoteAddr scratch() const { return scratch_at_; }

  pb::Hello hello() {
    scratch_at_ = choose_scratch(pid());
    return describe(pid(), scratch_at_, 5);
  }
  pb::Welcome greet(const pb::Hello& hello) {
    control_->send(kHello, serialise(hello));
    Frame answer = next();
    for (; answer.type == kClock; answer = next()) {
      const std::int64_t clocks[] = {monotonic_ns(), boottime_ns()};
      control_->send(kClock, {reinterpret_cast<const std::uint8_t*>(clocks), sizeof clocks});
    }
    if (answer.type != kWelcome) throw std::runtime_error("the body does not answer hello");
    return parse<pb::Welcome>(answer);
  }

  // To the point where the body runs.
  void depart() {
    const auto welcome = greet(hello());
    ASSERT_TRUE(welcome.ok()) << welcome.error();
    const Connector connector(std::nullopt);
    std::unique_ptr<FrameChannel> channels[2];
    for (int i = 0; i < 2; ++i) {
      channels[i] = std::make_unique<FrameChannel>(
          connector.connect({"::1", "lo", 0}, static_cast<std::uint16_t>(welcome.port())));
      const std::uint8_t mark = i == 0 ? 'd' : 'b';
      channels[i]->send(kPageHello, {&mark, 1}, as_bytes(welcome.token()));
    }
    tracee_.emplace(Tracee::freeze(pid()));
    tracee_->poke<std::uint64_t>(address_of(orders.scratch), scratch_at_.value);
    tracee_->poke<std::uint64_t>(address_of(orders.go), 1);
    settle_interrupted_calls(*tracee_);
    scratch_.emplace(*tracee_, pid(), scratch_at_);
    state_ = capture(*tracee_, *scratch_);
    std::vector<PageRegion> regions;
    for (const auto& vma : state_.vmas()) {
      if (vma.kind() <= static_cast<std::uint32_t>(VmaKind::stack))
        regions.push_back({{RemoteAddr{vma.begin()}, RemoteAddr{vma.end()}}, vma.file_backed()});
    }
    pages_.emplace(pid(), regions);
    for (auto& channel : channels) pages_->serve(std::move(channel));
    const auto message = serialise(state_);
    const auto begin = monotonic_ns();
    control_->send(kState, message);
    const Frame answer = next();
    ready_ns_ = monotonic_ns() - begin;
    ASSERT_EQ(answer.type, kReady)
        << (answer.type == kRefused ? parse<pb::Welcome>(answer).error() : "");
    control_->send(kRun, {});
  }
  std::int64_t ready_ns() const { return ready_ns_; }

  Frame next(int patience_ms = kPatienceMs) {
    const auto end = monotonic_ns() + patience_ms * kMillisecond;
    while (monotonic_ns() < end) {
      if (auto frame = control_->try_receive()) return std::move(*frame);
      pollfd p{control_->fd(), POLLIN, 0};
      ::poll(&p, 1, 100);
    }
    throw std::runtime_error("the body is silent");
  }
  Frame await(std::uint8_t type) {
    Frame frame = next();
    if (frame.type != type) {
      throw std::runtime_error("got " + std::to_string(frame.type) + ", not " +
                               std::to_string(type) + " " +
                               (frame.type == kWantHome ? parse<pb::HomeReason>(frame).why() : ""));
    }
    return frame;
  }
  ForwardedCall await_call() { return decode_call(await(kCall).body); }
  std::string await_reason() { return parse<pb::HomeReason>(await(kWantHome)).why(); }
  void answer(const ForwardedCall& call, std::int64_t value) {
    control_->send(kResult, encode(CallResult{call.tid, call.cookie, value, 0, {}}));
  }
  void signal(const siginfo_t& info, pid_t tid = 0) {
    pb::Signal signal;
    signal.set_tid(static_cast<std::uint32_t>(tid));
    signal.set_info(&info, sizeof info);
    control_->send(kSignal, serialise(signal));
  }

  // From the stop to the last page; what came home. `after_stop` answers what is still asked for.
  pb::ProcessState come_home(const std::function<void()>& after_stop = [] {}) {
    control_->send(kStop, {});
    after_stop();
    auto home = parse<pb::ProcessState>(await(kHomeState));
    while (true) {
      Frame frame = next();
      if (frame.type == kPagesEnd) break;
      if (frame.type != kPages) throw std::runtime_error("pages were expected");
      std::uint64_t at;
      std::memcpy(&at, frame.body.data(), sizeof at);
      for (std::size_t i = 8; i + kPage <= frame.body.size(); i += kPage, at += kPage)
        dirty_[at].assign(frame.body.begin() + static_cast<std::ptrdiff_t>(i),
                          frame.body.begin() + static_cast<std::ptrdiff_t>(i + kPage));
    }
    control_->send(kHomeDone, {});
    return home;
  }
  // In the pages that came home; nothing when the page did not come.
  template <typename T>
  std::optional<std::uint64_t> came(T& object) const {
    const RemoteAddr at = address_of(object);
    const auto page = dirty_.find(at.page().value);
    if (page == dirty_.end()) return std::nullopt;
    std::uint64_t value;
    std::memcpy(&value, &page->second[at.value % kPage], sizeof value);
    return value;
  }
  std::size_t dirty_pages() const { return dirty_.size(); }

  // The helper's exit status.
  int end() {
    control_.reset();
    for (int i = 0; i < 2000; ++i) {
      int status = 0;
      if (::waitpid(helper_, &status, WNOHANG) == helper_) {
        helper_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      }
      ::usleep(10'000);
    }
    return -1;
  }

  // The body's number here.
  pid_t body() const {
    std::ifstream children("/proc/" + std::to_string(helper_) + "/task/" + std::to_string(helper_) +
                           "/children");
    for (pid_t child; children >> child;) {
      const std::string numbers(status_field(read_proc(child, "status"), "NSpid"));
      if (numbers.ends_with("\t" + std::to_string(pid()))) return child;
    }
    return 0;
  }

  template <typename Message>
  static Message parse(const Frame& frame) {
    return migrate::parse<Message>(frame, "the body");
  }

 private:
  Child child_;
  pid_t helper_ = 0;
  std::optional<FrameChannel> control_;
  RemoteAddr scratch_at_;
  std::optional<Tracee> tracee_;
  std::optional<Scratch> scratch_;
  std::optional<PageSource> pages_;
  pb::ProcessState state_;
  std::int64_t ready_ns_ = 0;
  std::map<std::uint64_t, std::vector<std::uint8_t>> dirty_;
};

// Gone, or only waiting to be reaped by whoever inherited it.
bool is_gone(pid_t pid) {
  try {
    return status_field(read_proc(pid, "status"), "State").starts_with("Z");
  } catch (const std::system_error&) {
    return true;
  }
}

class Body : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    orders = {};
    result = 0;
    handled = 0;
  }
};

TEST_F(Body, LivesFromTheFirstInstructionToTheLast) {
  Life life([] {
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < 50'000'000; ++i) sum += i ^ (sum >> 3);
    static const char text[] = "hello";
    result =
        static_cast<std::uint64_t>(call(SYS_write, 1, reinterpret_cast<std::uint64_t>(text), 5));
    call(SYS_exit_group, result + 20 + (sum == 0));
    return 0;
  });
  life.depart();
  const auto write = life.await_call();
  EXPECT_EQ(write.tid, life.pid());
  EXPECT_EQ(write.call.nr, SYS_write);
  ASSERT_EQ(write.call.in.size(), 1u);
  EXPECT_EQ(write.call.in[0].bytes, (std::vector<std::uint8_t>{'h', 'e', 'l', 'l', 'o'}));
  life.answer(write, 5);
  const Frame exit = life.await(kExitGroup);
  ASSERT_EQ(exit.body.size(), 8u);
  std::int32_t words[2];
  std::memcpy(words, exit.body.data(), sizeof words);
  EXPECT_EQ(words[0], life.pid());
  EXPECT_EQ(words[1], 25);
  EXPECT_EQ(life.body(), 0) << "it is not killed before home is told";
  EXPECT_EQ(life.end(), 0);
}

alignas(16) char stack_of_thread[64 * 1024];
volatile std::uint64_t thread_number;

[[noreturn]] void a_thread() {
  thread_number = static_cast<std::uint64_t>(call(SYS_gettid));
  call(SYS_getuid);
  while (true) call(SYS_exit, 0);
}

// clone(2) as Go's runtime makes it.
long make_a_thread() {
  constexpr std::uint64_t kFlags =
      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_SYSVSEM | CLONE_THREAD;
  long made;
  register void (*there)() asm("r12") = a_thread;
  asm volatile(
      "syscall\n"
      "test %%rax, %%rax\n"
      "jnz 1f\n"
      "call *%%r12\n"
      "1:\n"
      : "=a"(made)
      : "a"(SYS_clone), "D"(kFlags), "S"(stack_of_thread + sizeof stack_of_thread), "d"(0),
        "r"(there)
      : "rcx", "r11", "memory");
  return made;
}

std::int32_t number_in(const Frame& frame) {
  std::int32_t number = 0;
  if (frame.body.size() >= sizeof number) std::memcpy(&number, frame.body.data(), sizeof number);
  return number;
}

TEST_F(Body, MakesAThreadWithTheNumberItHasAtHome) {
  thread_number = 0;
  Life life([] {
    result = static_cast<std::uint64_t>(make_a_thread());
    call(SYS_getgid);
    return counts_for_ever();
  });
  life.depart();
  const auto clone = life.await_call();
  EXPECT_EQ(clone.call.nr, SYS_clone);
  EXPECT_EQ(clone.tid, life.pid());
  const pid_t number = life.pid() + 1;
  life.answer(clone, number);
  // Both go on, in any order; a call of the new thread is known by its number.
  ForwardedCall of_maker, of_new;
  for (int i = 0; i < 2; ++i) {
    const auto next = life.await_call();
    (next.call.nr == SYS_getuid ? of_new : of_maker) = next;
  }
  EXPECT_EQ(of_new.tid, number);
  EXPECT_EQ(of_maker.tid, life.pid());
  life.answer(of_maker, 0);
  const auto tasks = read_tasks(life.body());
  ASSERT_EQ(tasks.size(), 3u);
  for (const pid_t tid : tasks) {
    const auto status = read_proc(life.body(), "task/" + std::to_string(tid) + "/status");
    EXPECT_EQ(status_field(status, "Uid"), "65534\t65534\t65534\t65534");
    EXPECT_EQ(status_field(status, "Seccomp"), "2");
    EXPECT_EQ(status_number(status, "CapEff", 16), 0u);
  }
  life.answer(of_new, 0);
  EXPECT_EQ(number_in(life.await(kThreadExit)), number);
  const auto home = life.come_home();
  EXPECT_EQ(home.threads_size(), 1);
  EXPECT_EQ(life.came(result), static_cast<std::uint64_t>(number));
  EXPECT_EQ(life.came(thread_number), static_cast<std::uint64_t>(number));
  EXPECT_EQ(life.end(), 0);
}

TEST_F(Body, ComesHomeWithTheThreadItMade) {
  thread_number = 0;
  Life life([] {
    result = static_cast<std::uint64_t>(make_a_thread());
    return counts_for_ever();
  });
  life.depart();
  const pid_t number = life.pid() + 5;
  life.answer(life.await_call(), number);
  const auto waits = life.await_call();
  EXPECT_EQ(waits.tid, number);
  const auto home = life.come_home([&] { life.answer(waits, kRestartNoIntr); });
  ASSERT_EQ(home.threads_size(), 2);
  EXPECT_EQ(home.threads(1).tid(), static_cast<std::uint32_t>(number));
  EXPECT_EQ(life.end(), 0);
}

TEST_F(Body, GoesHomeWithAThreadThatTheGuestCannotMake) {
  Life life([] {
    make_a_thread();
    return 0;
  });
  life.depart();
  const auto clone = life.await_call();
  // The number of the thread that queues signals.
  pid_t taken = 0;
  for (const pid_t tid : read_tasks(life.body())) {
    const auto status = read_proc(life.body(), "task/" + std::to_string(tid) + "/status");
    const std::string numbers(status_field(status, "NSpid"));
    if (tid != life.body()) taken = std::stoi(numbers.substr(numbers.find('\t') + 1));
  }
  ASSERT_GT(taken, 1);
  life.answer(clone, taken);
  EXPECT_EQ(number_in(life.await(kThreadExit)), taken);
  EXPECT_THAT(life.await_reason(), HasSubstr("clone"));
  EXPECT_EQ(life.come_home().threads_size(), 1);
  EXPECT_EQ(life.end(), 0);
}

TEST_F(Body, SeesTheErrorWhenHomeCannotMakeAThread) {
  Life life([] {
    result = static_cast<std::uint64_t>(make_a_thread());
    return counts_for_ever();
  });
  life.depart();
  life.answer(life.await_call(), -EAGAIN);
  ::usleep(50'000);
  life.come_home();
  EXPECT_EQ(life.came(result), static_cast<std::uint64_t>(std::int64_t{-EAGAIN}));
  EXPECT_EQ(life.end(), 0);
}

TEST_F(Body, ComesHomeWithWhatItComputed) {
  static char* volatile made;
  static char untouched[64 * kPage];
  std::memset(untouched, 1, sizeof untouched);
  Life life([] {
    made = static_cast<char*>(
        ::mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    made[kPage] = 77;
    result = 4711;
    while (true) handled = handled + 1;
    return 0;
  });
  life.depart();
  ::usleep(200'000);
  const auto home = life.come_home();
  EXPECT_EQ(home.pid(), static_cast<std::uint32_t>(life.pid()));
  ASSERT_EQ(home.threads_size(), 1);
  EXPECT_EQ(home.threads(0).tid(), static_cast<std::uint32_t>(life.pid()));
  EXPECT_EQ(life.came(result), 4711u);
  EXPECT_GT(life.came(handled).value_or(0), 1000u);
  EXPECT_LT(life.dirty_pages(), 40u) << "pages that nobody wrote came home";
  const std::uint64_t at = life.came(made).value_or(0);
  ASSERT_NE(at, 0u);
  bool fresh = false;
  for (const auto& vma : home.vmas()) {
    fresh = fresh || (vma.begin() <= at && at < vma.end() && vma.fresh());
    EXPECT_FALSE(vma.begin() <= life.scratch().value && life.scratch().value < vma.end());
  }
  EXPECT_TRUE(fresh);
  EXPECT_EQ(life.end(), 0);
}

TEST_F(Body, TakesASignalWithExactlyItsInformation) {
  Life life([] {
    struct sigaction action {};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int, siginfo_t* info, void*) {
      handled = static_cast<std::uint64_t>(info->si_code == SI_KERNEL ? 1000 : 0) +
                static_cast<std::uint64_t>(info->si_value.sival_int);
    };
    ::sigaction(SIGUSR1, &action, nullptr);
    call(SYS_getppid);
    while (handled == 0) {
    }
    call(SYS_exit_group, handled == 1042 ? 3 : 4);
    return 0;
  });
  life.depart();
  life.answer(life.await_call(), 1);
  siginfo_t info{};
  info.si_signo = SIGUSR1;
  info.si_code = SI_KERNEL;  // nobody but the process itself may say so
  info.si_value.sival_int = 42;
  life.signal(info);
  const Frame exit = life.await(kExitGroup);
  EXPECT_EQ(exit.body[4], 3);
  EXPECT_EQ(life.end(), 0);
}

TEST_F(Body, ASignalInterruptsACallAtHome) {
  Life life([] {
    struct sigaction action {};
    action.sa_handler = [](int) { handled = handled + 1; };
    ::sigaction(SIGUSR1, &action, nullptr);
    char byte;
    const long first = call(SYS_read, 0, reinterpret_cast<std::uint64_t>(&byte), 1);
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGUSR1, &action, nullptr);
    const long second = call(SYS_read, 0, reinterpret_cast<std::uint64_t>(&byte), 1);
    call(SYS_exit_group, first == -EINTR && second == 1 && handled == 2 ? 9 : 8);
    return 0;
  });
  life.depart();
  siginfo_t info{};
  info.si_signo = SIGUSR1;
  info.si_code = SI_USER;
  for (int round = 0; round < 2; ++round) {
    const auto read = life.await_call();
    EXPECT_EQ(read.call.nr, SYS_read);
    life.signal(info);
    const Frame interrupt = life.await(kInterrupt);
    ASSERT_EQ(interrupt.body.size(), 12u);
    std::uint64_t cookie;
    std::memcpy(&cookie, &interrupt.body[4], sizeof cookie);
    EXPECT_EQ(cookie, read.cookie);
    life.answer(read, kRestartSys);
  }
  life.answer(life.await_call(), 1);  // the second, made again
  EXPECT_EQ(life.await(kExitGroup).body[4], 9);
}

TEST_F(Body, AFatalSignalGoesHomeUndelivered) {
  Life life([] {
    *static_cast<volatile int*>(nullptr) = 1;
    return 0;
  });
  life.depart();
  EXPECT_THAT(life.await_reason(), HasSubstr("SIGSEGV"));
  const auto home = life.come_home();
  ASSERT_EQ(home.threads(0).pending_size(), 1);
  siginfo_t info;
  std::memcpy(&info, home.threads(0).pending(0).info().data(), sizeof info);
  EXPECT_EQ(info.si_signo, SIGSEGV);
  EXPECT_EQ(info.si_addr, nullptr);
  EXPECT_EQ(info.si_code, SEGV_MAPERR);
}

TEST_F(Body, ACallForHomeIsMadeNowhereElse) {
  Life life([] {
    result = 1;
    result = static_cast<std::uint64_t>(call(SYS_mount, 0, 0, 0, 0));
    return 0;
  });
  life.depart();
  EXPECT_THAT(life.await_reason(), HasSubstr("mount"));
  const auto home = life.come_home();
  Registers r;
  std::memcpy(&r, home.threads(0).regs().data(), sizeof r);
  EXPECT_EQ(r.rax, static_cast<std::uint64_t>(SYS_mount)) << "it is not about to make the call";
  EXPECT_LT(static_cast<std::int64_t>(r.orig_rax), 0);
  EXPECT_EQ(life.came(result), 1u);
}

// Whatever a body tries is home's business, also when it jumps to the code that home's and the
// guest's helpers left in its memory.
TEST_F(Body, TouchesNothingOfTheGuest) {
  static constexpr long kTries[] = {SYS_openat, SYS_socket, SYS_kill,   SYS_getppid,
                                    SYS_dup,    SYS_read,   SYS_unlink, SYS_chdir};
  Life life([] {
    const char* path = "/etc/passwd";
    for (const long nr : kTries) {
      const auto a =
          nr == SYS_unlink || nr == SYS_chdir ? reinterpret_cast<std::uint64_t>(path) : 0;
      if (call(nr, a, nr == SYS_openat ? reinterpret_cast<std::uint64_t>(path) : 0) != -ENOANO)
        call(SYS_exit_group, 1);
    }
    // `syscall; int3` in the scratch area; the trap would end it at home.
    std::uint64_t out = SYS_getuid;
    asm volatile(
        "mov %[code], %%r12\n"
        "jmp *%%r12\n"
        : "+a"(out)
        : [code] "r"(orders.scratch)
        : "rcx", "r11", "r12", "memory");
    return 0;
  });
  life.depart();
  for (const long nr : kTries) {
    const auto tried = life.await_call();
    EXPECT_EQ(tried.call.nr, nr);
    life.answer(tried, -ENOANO);
  }
  const auto jumped = life.await_call();
  EXPECT_EQ(jumped.call.nr, SYS_getuid) << "code in the scratch area is not filtered";
  life.answer(jumped, 0);
  EXPECT_THAT(life.await_reason(), HasSubstr("SIGTRAP"));
}

std::string link_of(pid_t pid, const std::string& name) {
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/" + name).string();
}

TEST_F(Body, HasNoRightsAndNothingToUseThemOn) {
  Life life(counts_for_ever);
  life.depart();
  const pid_t body = life.body();
  ASSERT_NE(body, 0);
  const auto tasks = read_tasks(body);
  EXPECT_EQ(tasks.size(), 2u) << "its own thread and the one that queues signals";
  for (const pid_t tid : tasks) {
    const auto status = read_proc(body, "task/" + std::to_string(tid) + "/status");
    EXPECT_EQ(status_field(status, "Uid"), "65534\t65534\t65534\t65534");
    EXPECT_EQ(status_field(status, "Gid"), "65534\t65534\t65534\t65534");
    EXPECT_EQ(status_field(status, "NoNewPrivs"), "1");
    EXPECT_EQ(status_field(status, "Seccomp"), "2");
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
      EXPECT_EQ(status_number(status, set, 16), 0u) << set;
  }
  for (const char* ns : {"net", "mnt", "ipc", "uts", "cgroup", "pid", "time"})
    EXPECT_NE(link_of(body, std::string("ns/") + ns), link_of(::getpid(), std::string("ns/") + ns));
  const std::filesystem::path root("/proc/" + std::to_string(body) + "/root/");
  EXPECT_TRUE(std::filesystem::is_empty(root));
  std::vector<std::string> open;
  for (const auto& fd :
       std::filesystem::directory_iterator("/proc/" + std::to_string(body) + "/fd"))
    open.push_back(std::filesystem::read_symlink(fd.path()).string());
  EXPECT_THAT(open, testing::ElementsAre("anon_inode:[userfaultfd]"));
}

TEST_F(Body, EndsWithTheConnection) {
  Life life(counts_for_ever);
  life.depart();
  const pid_t body = life.body();
  ASSERT_NE(body, 0);
  EXPECT_EQ(life.end(), 1);
  EXPECT_TRUE(is_gone(body)) << "the body outlives its home";
}

TEST_F(Body, EndsWithItsHelper) {
  Life life(counts_for_ever);
  life.depart();
  const pid_t body = life.body();
  ASSERT_NE(body, 0);
  ::kill(life.helper(), SIGKILL);
  for (int i = 0; i < 500 && !is_gone(body); ++i) ::usleep(10'000);
  EXPECT_TRUE(is_gone(body)) << "the body outlives its helper";
}

TEST_F(Body, RefusesWhatItCannotCarry) {
  const auto refusal = [](const std::function<void(pb::Hello&)>& spoil,
                          std::vector<std::string> more = {}) {
    Life life([] { return 0; }, std::move(more));
    auto hello = life.hello();
    spoil(hello);
    const auto welcome = life.greet(hello);
    EXPECT_FALSE(welcome.ok());
    EXPECT_EQ(life.end(), 1);
    return welcome.error();
  };
  EXPECT_THAT(refusal([](auto& h) { h.set_version(99); }), HasSubstr("version"));
  EXPECT_THAT(refusal([](auto& h) { h.set_vdso("?"); }), HasSubstr("vdso"));
  EXPECT_THAT(refusal([](auto& h) { h.set_cpuid(2, ~0U); }), HasSubstr("processor lacks"));
  EXPECT_THAT(refusal([](auto& h) { h.set_pid(1); }), HasSubstr("pid 1"));
  EXPECT_THAT(refusal([](auto& h) { h.set_resident(1 << 30); }, {"--max-memory", "1000000"}),
              HasSubstr("1024 MiB"));
  EXPECT_EQ(refusal([](auto& h) { h.set_scratch(0x400000); }).empty(), false);
}

TEST_F(Body, GoesHomeWhenItGrowsTooLarge) {
  Life life(
      [] {
        const std::size_t size = 256 << 20;
        auto* memory = static_cast<volatile char*>(
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        for (std::size_t i = 0; i < size; i += kPage) memory[i] = 1;
        while (true) handled = handled + 1;
        return 0;
      },
      {"--max-memory", "134217728"});
  life.depart();
  EXPECT_THAT(life.await_reason(), HasSubstr("memory"));
}

// Not a benchmark: says what it took, and fails only when it took absurdly long.
TEST_F(Body, IsBuiltQuickly) {
  std::vector<std::int64_t> times;
  for (int i = 0; i < 5; ++i) {
    Life life([] {
      while (true) handled = handled + 1;
      return 0;
    });
    life.depart();
    times.push_back(life.ready_ns() / 1000);
  }
  std::sort(times.begin(), times.end());
  std::cout << "state to ready, us:";
  for (const auto t : times) std::cout << ' ' << t;
  std::cout << '\n';
  EXPECT_LT(times[0], 1'000'000);
}

}  // namespace
}  // namespace starling::migrate
