// SPDX-License-Identifier: GPL-2.0-or-later
// The loop in the deputy that makes calls, and when it is worth while to watch instead of sleeping.
#include "agents/migrate/call_loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>

#include "agents/migrate/deputy_exit.h"
#include "agents/migrate/restart.h"
#include "agents/migrate/spin_budget.h"
#include "tests/unit/migrate/child.h"

namespace starling::migrate {
namespace {

constexpr TimeNs kLong = 5 * kSecond;

class Loop : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::pipe(pipe_), 0);
    child_.emplace([] {
      while (true) ::pause();
      return 0;
    });
    tracee_.emplace(Tracee::freeze(tid()));
    scratch_.emplace(*tracee_, tid(), choose_scratch(tid()));
    // What stops it is to be told to the tracer, not to run a handler.
    tracee_->set_mask(tid(), ~(std::uint64_t{1} << (SIGTRAP - 1)));
    loop_ = CallLoop::make(*tracee_, *scratch_);
    ASSERT_NE(loop_, nullptr);
  }
  void TearDown() override {
    loop_.reset();
    if (tracee_) kill_process(*tracee_);
    for (const int fd : pipe_) ::close(fd);
  }

  pid_t tid() const { return child_->pid(); }
  Registers stop() {
    tracee_->interrupt(tid());
    EXPECT_TRUE(tracee_->wait(tid(), Tracee::Milliseconds(5000)));
    loop_->left(tid());
    return tracee_->registers(tid());
  }
  // A read from the pipe, which is empty.
  void ask_to_read(std::uint32_t watch) {
    const auto at = scratch_->at() + ScratchLayout::kData;
    loop_->ask(tid(), SYS_read, {static_cast<std::uint64_t>(pipe_[0]), at.value, 4}, watch, 0);
  }

  int pipe_[2] = {-1, -1};
  std::optional<Child> child_;
  std::optional<Tracee> tracee_;
  std::optional<Scratch> scratch_;
  std::unique_ptr<CallLoop> loop_;
};

TEST_F(Loop, MakesCallAfterCallHoweverItIsWaitedFor) {
  ASSERT_TRUE(loop_->enter(tid()));
  EXPECT_TRUE(loop_->runs(tid()));
  for (const std::uint32_t watch : {0U, 1U, 1000U}) {
    for (const std::uint32_t linger : {0U, 1U, 1000U}) {
      for (int i = 0; i < 50; ++i) {
        loop_->ask(tid(), SYS_getppid, {}, watch, linger);
        EXPECT_EQ(loop_->await(tid(), watch, kLong), ::getpid());
      }
      const std::uint64_t at = (scratch_->at() + ScratchLayout::kParking).value;
      loop_->ask(tid(), SYS_madvise, {at, 4096, 0xbad}, watch, linger);
      EXPECT_EQ(loop_->await(tid(), watch, kLong), -EINVAL);
    }
  }
}

TEST_F(Loop, GivesAllSixArguments) {
  ASSERT_TRUE(loop_->enter(tid()));
  const std::uint64_t at = (scratch_->at() + 16 * ScratchLayout::kSize).value;
  loop_->ask(tid(), SYS_mmap,
             {at, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
              ~0ULL, 0},
             0, 0);
  EXPECT_EQ(loop_->await(tid(), 0, kLong), static_cast<std::int64_t>(at));
  const char text[] = "abc";
  ASSERT_EQ(::write(pipe_[1], text, 3), 3);
  loop_->ask(tid(), SYS_splice, {static_cast<std::uint64_t>(pipe_[0]), 0, ~0ULL, 0, 3, 0xbad00}, 0,
             0);
  EXPECT_EQ(loop_->await(tid(), 0, kLong), -EINVAL) << "the flags are the sixth";
}

TEST_F(Loop, WhatBlocksTellsItsEndByATrapAndGoesOn) {
  ASSERT_TRUE(loop_->enter(tid()));
  for (int i = 0; i < 10; ++i) {
    ask_to_read(i % 2 == 0 ? 0 : 100);
    ASSERT_EQ(loop_->await(tid(), i % 2 == 0 ? 0 : 100, i % 3 * kMillisecond), std::nullopt);
    ASSERT_EQ(::write(pipe_[1], "data", 4), 4);
    const auto status = tracee_->wait(tid(), Tracee::Milliseconds(5000));
    ASSERT_TRUE(status && WIFSTOPPED(*status));
    EXPECT_EQ(WSTOPSIG(*status), SIGTRAP);
    EXPECT_EQ(loop_->look(tid(), tracee_->registers(tid())), 4);
    // Behind the trap it waits for the next call by itself.
    tracee_->resume(tid());
    loop_->ask(tid(), SYS_getppid, {}, 0, 0);
    EXPECT_EQ(loop_->await(tid(), 0, kLong), ::getpid());
  }
}

TEST_F(Loop, AStopTellsWhetherTheCallWasMade) {
  ASSERT_TRUE(loop_->enter(tid()));
  // In it.
  ask_to_read(0);
  ASSERT_EQ(loop_->await(tid(), 0, 2 * kMillisecond), std::nullopt);
  EXPECT_EQ(loop_->look(tid(), stop()), kRestartSys);
  // Before it: asked for while the thread was stopped.
  ASSERT_TRUE(loop_->enter(tid()));
  stop();
  ask_to_read(0);
  EXPECT_EQ(loop_->look(tid(), tracee_->registers(tid())), std::nullopt);
  // Given up, it is not made later.
  ASSERT_TRUE(loop_->enter(tid()));
  loop_->ask(tid(), SYS_getppid, {}, 0, 0);
  EXPECT_EQ(loop_->await(tid(), 0, kLong), ::getpid());
  // After it, wherever the thread is by then.
  for (int i = 0; i < 30; ++i) {
    loop_->ask(tid(), SYS_getppid, {}, 1000, static_cast<std::uint32_t>(i % 2 * 1000));
    ASSERT_EQ(loop_->await(tid(), 1000, kLong), ::getpid());
    EXPECT_EQ(loop_->look(tid(), stop()), ::getpid());
    ASSERT_TRUE(loop_->enter(tid()));
  }
}

TEST_F(Loop, AStopAtAnyMomentNeitherLosesNorDoublesACall) {
  ASSERT_EQ(::fcntl(pipe_[0], F_SETFL, O_NONBLOCK), 0);
  const auto at = scratch_->at() + ScratchLayout::kData;
  ASSERT_TRUE(loop_->enter(tid()));
  int made = 0;
  for (int i = 0; i < 300; ++i) {
    loop_->ask(tid(), SYS_write, {static_cast<std::uint64_t>(pipe_[1]), at.value, 1}, 0,
               static_cast<std::uint32_t>(i % 3 * 50));
    for (const TimeNs until = monotonic_ns() + i * 100; monotonic_ns() < until;) {
    }
    const auto result = loop_->look(tid(), stop());
    if (result) {
      EXPECT_EQ(*result, 1);
      ++made;
    }
    ASSERT_TRUE(loop_->enter(tid()));
  }
  char bytes[512];
  EXPECT_EQ(::read(pipe_[0], bytes, sizeof bytes), made);
  EXPECT_GT(made, 0);
}

class Budget : public testing::Test {
 protected:
  void SetUp() override {
    runnable(1);
    budget_.emplace(path_.c_str(), 2);
  }
  void TearDown() override { std::filesystem::remove(path_); }
  void runnable(int count) { std::ofstream(path_) << "0.50 0.40 0.30 " << count << "/120 4711\n"; }
  // Calls `gap` apart that take `sleeping` when nothing is watched, `watching` else.
  void calls(int count, TimeNs gap, TimeNs sleeping, TimeNs watching) {
    for (int i = 0; i < count; ++i) {
      budget_->asked(now_);
      now_ += budget_->watch() > 0 ? watching : sleeping;
      budget_->answered(now_);
      now_ += gap;
    }
  }
  // Of many calls, how many were watched.
  int watched(TimeNs gap, TimeNs sleeping, TimeNs watching) {
    int n = 0;
    for (int i = 0; i < 2000; ++i) {
      calls(1, gap, sleeping, watching);
      n += budget_->watch() > 0;
    }
    return n;
  }

  std::string path_ =
      std::filesystem::temp_directory_path() / ("loadavg." + std::to_string(::getpid()));
  std::optional<SpinBudget> budget_;
  TimeNs now_ = kSecond;
};

TEST_F(Budget, WatchesWhereThatIsQuicker) {
  calls(500, 20'000, 30'000, 5'000);
  EXPECT_GT(watched(20'000, 30'000, 5'000), 1800);
  EXPECT_GT(SpinBudget::rounds_of(kMillisecond), SpinBudget::rounds_of(kMillisecond / 10));
}

TEST_F(Budget, SleepsWhereThatIsQuicker) {
  calls(500, 20'000, 30'000, 90'000);
  EXPECT_LT(watched(20'000, 30'000, 90'000), 200);
}

TEST_F(Budget, SleepsWhereNoCpuIsIdleOrCallsAreRare) {
  EXPECT_EQ(watched(kMillisecond, 30'000, 5'000), 0);
  calls(500, 20'000, 30'000, 5'000);
  runnable(3);
  calls(500, 20'000, 30'000, 5'000);
  EXPECT_EQ(watched(20'000, 30'000, 5'000), 0);
  SpinBudget blind("/does/not/exist", 2);
  blind.asked(kSecond);
  EXPECT_EQ(blind.watch(), 0U);
}

}  // namespace
}  // namespace starling::migrate
