// SPDX-License-Identifier: GPL-2.0-or-later
// Home's side without a guest: calls made in the deputy, signals handed on, and coming home with
// the state that left.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <cstring>
#include <optional>
#include <thread>

#include "agents/migrate/capture.h"
#include "agents/migrate/deputy_calls.h"
#include "agents/migrate/deputy_exit.h"
#include "agents/migrate/deputy_signals.h"
#include "agents/migrate/deputy_threads.h"
#include "agents/migrate/homecoming.h"
#include "agents/migrate/proc_file.h"
#include "agents/migrate/restart.h"
#include "tests/unit/migrate/child.h"

namespace starling::migrate {
namespace {

// A frozen child as home's side handles it. The child has a pipe from the test and one to it.
class Away : public testing::Test {
 protected:
  void start(const std::function<int(int in, int out)>& body) {
    ASSERT_EQ(::pipe(to_), 0);
    ASSERT_EQ(::pipe(from_), 0);
    child_.emplace([&] { return body(to_[0], from_[1]); });
    char c;
    ASSERT_EQ(::read(from_[0], &c, 1), 1);
    tracee_.emplace(Tracee::freeze(child_->pid()));
    settle_interrupted_calls(*tracee_);
    scratch_.emplace(*tracee_, child_->pid(), choose_scratch(child_->pid()));
    state_ = capture(*tracee_, *scratch_);
    signals_.emplace(*tracee_, *scratch_,
                     [this](pid_t tid, const siginfo_t& info) { got_.emplace_back(tid, info); });
    signals_->start();
    calls_.emplace(*tracee_, *scratch_, *signals_,
                   [this](const CallResult& r) { results_.push_back(r); });
  }

  void pump(int rounds = 200) {
    for (int i = 0; i < rounds; ++i) {
      while (const auto report = tracee_->poll()) {
        if (report->first == signals_->sentry()) {
          signals_->on_stop(report->second);
        } else {
          calls_->on_stop(report->first, report->second);
        }
      }
      ::usleep(500);
    }
  }
  void pump_until(const std::function<bool()>& done) {
    for (int i = 0; i < 2000 && !done(); ++i) pump(1);
    ASSERT_TRUE(done());
  }

  ForwardedCall call(long nr, CallArgs args, bool may_block = false) {
    ForwardedCall c;
    c.tid = child_->pid();
    c.cookie = ++cookie_;
    c.call.nr = static_cast<std::int32_t>(nr);
    c.call.args = args;
    c.call.may_block = may_block;
    return c;
  }
  // read(2) from the test, to where the deputy has nothing mapped.
  ForwardedCall read_call() {
    const RemoteAddr at = scratch_->at() + 16 * ScratchLayout::kSize;
    auto c = call(SYS_read, {static_cast<std::uint64_t>(to_[0]), at.value, 100}, true);
    c.call.out.push_back({.at = at, .capacity = 100, .length = OutSegment::Length::result});
    return c;
  }
  std::int64_t make(const ForwardedCall& c) {
    const auto before = results_.size();
    calls_->start(c);
    pump_until([&] { return results_.size() > before; });
    return results_.back().result;
  }

  // Home again with the state that left.
  void home() {
    signals_->stop();
    calls_->interrupt_all();
    pump_until([&] { return !calls_->busy(); });
    Homecoming homecoming(*tracee_, *scratch_, state_, calls_->to_take_up());
    homecoming.begin();
    homecoming.finish();
    calls_.reset();
    tracee_->set_options(0);
    tracee_.reset();
  }

  // For wait_for_end().
  void ends_at_home() {
    home();
    ASSERT_EQ(::write(to_[1], "q", 1), 1);
    EXPECT_EQ(child_->wait(), 11);
  }

  void TearDown() override {
    calls_.reset();
    if (tracee_) kill_process(*tracee_);
    for (const int fd : {to_[0], to_[1], from_[0], from_[1]}) ::close(fd);
  }

  int to_[2] = {-1, -1}, from_[2] = {-1, -1};
  std::optional<Child> child_;
  std::optional<Tracee> tracee_;
  std::optional<Scratch> scratch_;
  pb::ProcessState state_;
  std::optional<DeputySignals> signals_;
  std::optional<DeputyCalls> calls_;
  std::vector<std::pair<pid_t, siginfo_t>> got_;
  std::vector<CallResult> results_;
  std::uint64_t cookie_ = 0;
};

int wait_for_end(int in, int out) {
  if (::write(out, "x", 1) != 1) return 1;
  char c;
  while (::read(in, &c, 1) == 1) {
    if (c == 'q') return 11;
    if (::write(out, &c, 1) != 1) return 2;
  }
  return 3;
}

TEST_F(Away, MakesCallsNatively) {
  start(wait_for_end);
  EXPECT_EQ(make(call(SYS_getppid, {})), ::getpid());
  EXPECT_EQ(make(call(SYS_close, {999})), -EBADF);
  // A buffer where the deputy has nothing mapped.
  const RemoteAddr at = scratch_->at() + 16 * ScratchLayout::kSize;
  auto write = call(SYS_write, {static_cast<std::uint64_t>(from_[1]), at.value, 5});
  write.call.in.push_back({at, {'h', 'e', 'l', 'l', 'o'}});
  EXPECT_EQ(make(write), 5);
  char text[8] = {};
  EXPECT_EQ(::read(from_[0], text, sizeof text), 5);
  EXPECT_STREQ(text, "hello");
  ends_at_home();
}

TEST_F(Away, ABlockingCallLetsTheRestGoOnAndBringsItsData) {
  start(wait_for_end);
  const auto read = read_call();
  calls_->start(read);
  pump(50);
  EXPECT_TRUE(calls_->busy());
  ASSERT_EQ(::write(to_[1], "data", 4), 4);
  pump_until([&] { return !calls_->busy(); });
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0].result, 4);
  ASSERT_EQ(results_[0].out.size(), 1u);
  EXPECT_EQ(results_[0].out[0].bytes, (std::vector<std::uint8_t>{'d', 'a', 't', 'a'}));
  ends_at_home();
}

TEST_F(Away, HandsSignalsOnWithTheirInformation) {
  start(wait_for_end);
  sigval value{};
  value.sival_int = 77;
  ::sigqueue(child_->pid(), SIGRTMIN + 1, value);
  ::kill(child_->pid(), SIGUSR1);
  ::kill(child_->pid(), SIGCHLD);
  pump_until([&] { return got_.size() >= 3; });
  int queued = 0;
  for (const auto& [tid, info] : got_) {
    EXPECT_EQ(tid, 0);
    if (info.si_signo == SIGRTMIN + 1) {
      EXPECT_EQ(info.si_value.sival_int, 77);
      EXPECT_EQ(info.si_code, SI_QUEUE);
      EXPECT_EQ(info.si_pid, ::getpid());
      ++queued;
    }
  }
  EXPECT_EQ(queued, 1);
  ends_at_home();
}

TEST_F(Away, ASignalToItselfComesBeforeTheCallsResult) {
  start(wait_for_end);
  for (int i = 0; i < 20; ++i) {
    got_.clear();
    EXPECT_EQ(make(call(SYS_kill, {static_cast<std::uint64_t>(child_->pid()), SIGUSR2})), 0);
    EXPECT_EQ(got_.size(), 1u);
    got_.clear();
    siginfo_t info{};
    info.si_signo = SIGUSR2;
    info.si_code = SI_QUEUE;
    const RemoteAddr at = scratch_->at() + 16 * ScratchLayout::kSize;
    const auto self = static_cast<std::uint64_t>(child_->pid());
    auto queue = call(SYS_rt_tgsigqueueinfo, {self, self, SIGUSR2, at.value});
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&info);
    queue.call.in.push_back({at, {bytes, bytes + sizeof info}});
    EXPECT_EQ(make(queue), 0);
    ASSERT_EQ(got_.size(), 1u);
    EXPECT_EQ(got_[0].first, child_->pid());
  }
  ends_at_home();
}

TEST_F(Away, AThreadMadeAwayMakesCallsAndEnds) {
  start(wait_for_end);
  const auto made = start_thread(*tracee_, *scratch_, child_->pid());
  ASSERT_GT(made, 0);
  const auto tid = static_cast<pid_t>(made);
  calls_->add_thread(tid);
  auto by_it = call(SYS_getppid, {});
  by_it.tid = tid;
  EXPECT_EQ(make(by_it), ::getpid());
  EXPECT_EQ(make(call(SYS_getppid, {})), ::getpid());
  // A signal for it alone waits and is handed on.
  ::syscall(SYS_tgkill, child_->pid(), tid, SIGUSR1);
  calls_->collect();
  ASSERT_EQ(got_.size(), 1u);
  EXPECT_EQ(got_[0].first, tid);
  calls_->park(tid);
  exit_thread(*tracee_, *scratch_, tid);
  calls_->forget(tid);
  ends_at_home();
}

alignas(16) char stack_of_new_thread[64 * 1024];
int new_thread_out;

void new_thread() {
  const auto unregister = [](void* area) {
    // Only who has registered this very area can take it back.
    return ::syscall(SYS_rseq, area, 32, 1 /* RSEQ_FLAG_UNREGISTER */, 0x53053053);
  };
  const char c = unregister(stack_of_new_thread) == 0 ? 'r' : '-';
  [[maybe_unused]] const auto n = ::write(new_thread_out, &c, 1);
  while (true) ::syscall(SYS_exit, 0);
}

TEST_F(Away, AThreadMadeAwayComesHome) {
  start([](int in, int out) {
    new_thread_out = out;
    return wait_for_end(in, out);
  });
  const auto tid = static_cast<pid_t>(start_thread(*tracee_, *scratch_, child_->pid()));
  ASSERT_GT(tid, 0);
  calls_->add_thread(tid);
  // As the body would tell it.
  auto& thread = *state_.add_threads();
  thread = state_.threads(0);
  thread.set_tid(static_cast<std::uint32_t>(tid));
  Registers r;
  std::memcpy(&r, thread.regs().data(), sizeof r);
  r.rip = reinterpret_cast<std::uint64_t>(&new_thread);
  r.rsp = reinterpret_cast<std::uint64_t>(stack_of_new_thread) + sizeof stack_of_new_thread - 8;
  r.orig_rax = ~0ULL;
  thread.set_regs(&r, sizeof r);
  thread.set_mask(0);
  thread.set_clear_child_tid(0);
  thread.set_robust_list(0);
  thread.set_rseq(reinterpret_cast<std::uint64_t>(stack_of_new_thread));
  thread.set_rseq_size(32);
  thread.set_rseq_signature(0x53053053);
  home();
  char c = 0;
  ASSERT_EQ(::read(from_[0], &c, 1), 1);
  EXPECT_EQ(c, 'r') << "its restartable sequences are not registered";
  ASSERT_EQ(::write(to_[1], "q", 1), 1);
  EXPECT_EQ(child_->wait(), 11);
}

TEST_F(Away, SignalsThatCannotBeBlockedAreHandedOnBetweenCalls) {
  start(wait_for_end);
  for (int i = 0; i < 20; ++i) {
    got_.clear();
    EXPECT_EQ(make(call(SYS_getppid, {})), ::getpid());
    ::kill(child_->pid(), i % 2 == 0 ? SIGSTOP : SIGTTIN);
    pump_until([&] { return !got_.empty(); });
    EXPECT_EQ(got_[0].second.si_signo, i % 2 == 0 ? SIGSTOP : SIGTTIN);
    EXPECT_EQ(got_[0].second.si_pid, ::getpid());
    EXPECT_EQ(make(call(SYS_getppid, {})), ::getpid());
    EXPECT_EQ(got_.size(), 1u);
  }
  ::kill(child_->pid(), SIGCONT);
  EXPECT_EQ(make(call(SYS_getppid, {})), ::getpid());
  home();
  ASSERT_EQ(::write(to_[1], "q", 1), 1);
  EXPECT_EQ(child_->wait(), 11);
}

TEST_F(Away, SignalsForOneThreadAreCollectedBetweenCalls) {
  start(wait_for_end);
  EXPECT_EQ(make(call(SYS_getppid, {})), ::getpid());
  ASSERT_EQ(::syscall(SYS_tgkill, child_->pid(), child_->pid(), SIGUSR1), 0);
  calls_->collect();
  ASSERT_EQ(got_.size(), 1u);
  EXPECT_EQ(got_[0].first, child_->pid());
  EXPECT_EQ(make(call(SYS_getppid, {})), ::getpid());
  home();
  const auto maps = read_proc(child_->pid(), "maps");
  EXPECT_EQ(maps.find("rw-s"), std::string::npos) << "the call loop's pages are left\n" << maps;
  ASSERT_EQ(::write(to_[1], "q", 1), 1);
  EXPECT_EQ(child_->wait(), 11);
}

TEST_F(Away, AnInterruptedCallAnswersWithARestart) {
  start(wait_for_end);
  const auto read = read_call();
  calls_->start(read);
  pump(20);
  calls_->interrupt(child_->pid(), read.cookie + 1);
  pump(20);
  EXPECT_TRUE(calls_->busy()) << "the interrupt was for another call";
  calls_->interrupt(child_->pid(), read.cookie);
  pump_until([&] { return !calls_->busy(); });
  EXPECT_EQ(results_[0].result, kRestartSys);
  // The interrupt that came late does not disturb the next call.
  calls_->interrupt(child_->pid(), read.cookie);
  EXPECT_EQ(make(call(SYS_getppid, {})), ::getpid());
  ends_at_home();
}

TEST_F(Away, ASleepGoesOnAtHomeWhereItWas) {
  start([](int, int out) {
    if (::write(out, "x", 1) != 1) return 1;
    timespec before, after, nap{2, 0};  // long enough for all below on a busy machine
    ::clock_gettime(CLOCK_MONOTONIC, &before);
    if (::nanosleep(&nap, nullptr) != 0) return 2;
    ::clock_gettime(CLOCK_MONOTONIC, &after);
    const long ms =
        (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1'000'000;
    return ms < 2000 ? 3 : ms > 3900 ? 4 : 12;
  });
  // Freeze once more, now that it surely sleeps.
  home();
  ::usleep(100'000);
  tracee_.emplace(Tracee::freeze(child_->pid()));
  settle_interrupted_calls(*tracee_);
  const Registers r = tracee_->registers(child_->pid());
  ASSERT_TRUE(must_finish_at_home(r));
  scratch_.emplace(*tracee_, child_->pid(), choose_scratch(child_->pid()));
  state_ = capture(*tracee_, *scratch_);
  signals_.emplace(*tracee_, *scratch_, [](pid_t, const siginfo_t&) {});
  signals_->start();
  calls_.emplace(*tracee_, *scratch_, *signals_,
                 [this](const CallResult& result) { results_.push_back(result); });
  calls_->finish(child_->pid(), r, child_->pid());
  pump(40);
  EXPECT_TRUE(calls_->busy());
  // What the guest would send: the call not made yet.
  Registers again = r;
  again.rip -= 2;
  again.rax = r.orig_rax;
  again.orig_rax = ~0ULL;
  state_.mutable_threads(0)->set_regs(&again, sizeof again);
  home();
  EXPECT_EQ(results_.back().result, kRestartNoHand);
  EXPECT_EQ(child_->wait(), 12);
}

TEST_F(Away, ComesHomeWithNewMemoryAndWithoutWhatItGaveBack) {
  static char* gone;
  start([](int in, int out) {
    gone = static_cast<char*>(
        ::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    gone[0] = 1;
    return wait_for_end(in, out);
  });
  const RemoteAddr fresh = scratch_->at() + 32 * ScratchLayout::kSize;
  // One VMA more, and the first writable anonymous one read-only.
  auto& vma = *state_.add_vmas();
  vma.set_begin(fresh.value);
  vma.set_end(fresh.value + 2 * kPage);
  vma.set_prot(PROT_READ);
  vma.set_fresh(true);
  signals_->stop();
  Homecoming homecoming(*tracee_, *scratch_, state_, {});
  homecoming.begin();
  std::vector<std::uint8_t> page(kPage, 0x5a);
  homecoming.write_page(fresh + kPage, page);
  homecoming.finish();
  calls_.reset();
  std::uint8_t byte = 0;
  tracee_->read(fresh + kPage, {&byte, 1});
  EXPECT_EQ(byte, 0x5a);
  const auto maps = read_proc(child_->pid(), "maps");
  EXPECT_EQ(maps.find("rwxp"), std::string::npos) << "the scratch area is left\n" << maps;
  tracee_->set_options(0);
  tracee_.reset();
  ASSERT_EQ(::write(to_[1], "q", 1), 1);
  EXPECT_EQ(child_->wait(), 11);
}

TEST_F(Away, EndsWithTheStatusOfItsBody) {
  start(wait_for_end);
  // This test is the child's parent and its tracer: the status comes once.
  const int status = exit_process(*tracee_, *scratch_, 23);
  calls_.reset();
  tracee_.reset();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 23);
}

TEST_F(Away, RefusesCallsOfThreadsItDoesNotHave) {
  start(wait_for_end);
  auto c = call(SYS_getppid, {});
  c.tid = 1;
  EXPECT_THROW(calls_->start(c), ProtocolError);
  c.tid = signals_->sentry();
  EXPECT_THROW(calls_->start(c), ProtocolError);
}

TEST_F(Away, ALostProcessIsKilled) {
  start(wait_for_end);
  kill_process(*tracee_);
  calls_.reset();
  tracee_.reset();
  EXPECT_NE(::kill(child_->pid(), 0), 0);
}

}  // namespace
}  // namespace starling::migrate
