// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/capture.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

#include <cstring>
#include <thread>
#include <vector>

#include "agents/migrate/host.h"
#include "agents/migrate/inspect.h"
#include "agents/migrate/proc_file.h"
#include "agents/migrate/restart.h"
#include "tests/unit/migrate/child.h"

namespace starling::migrate {
namespace {

struct Progress {
  std::atomic<int> ready{0};
  std::atomic<int> seen{0};
  std::atomic<int> value{0};
};

void await(std::atomic<int>& what, int value) {
  for (int i = 0; i < 50'000 && what < value; ++i) ::usleep(100);
  ASSERT_GE(what, value);
}

TEST(Capture, RefusesSharedMemoryAndLeavesTheProcessRunning) {
  Shared<Progress> p;
  Child child([&] {
    std::thread second([&] {
      while (p->seen == 0) ++p->value;
    });
    ++p->ready;
    second.join();
    return 4;
  });
  await(p->ready, 1);
  {
    auto tracee = Tracee::freeze(child.pid());
    Scratch scratch(tracee, child.pid(), choose_scratch(child.pid()));
    EXPECT_THROW(capture(tracee, scratch), StaysHome);
    scratch.unmap(child.pid());
  }
  p->seen = 1;
  EXPECT_EQ(child.wait(), 4);
}

// A child without shared memory: it says on a pipe when it is ready.
class Alone {
 public:
  explicit Alone(const std::function<int(int ready)>& body) {
    if (::pipe(pipe_) != 0) throw std::runtime_error("pipe");
    child_.emplace([&] { return body(pipe_[1]); });
    if (::read(pipe_[0], &first_, 1) != 1) throw std::runtime_error("the child is not ready");
  }
  ~Alone() {
    ::close(pipe_[0]);
    ::close(pipe_[1]);
  }
  pid_t pid() const { return child_->pid(); }
  int wait() { return child_->wait(); }
  // What it says: the byte that told it is ready, and the rest.
  char first() const { return first_; }
  int fd() const { return pipe_[0]; }

 private:
  int pipe_[2];
  char first_ = 0;
  std::optional<Child> child_;
};

TEST(Capture, TakesSignalsOutAndGivesThemBack) {
  Alone child([](int ready) {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    if (::write(ready, "x", 1) != 1) return 1;
    for (int expected = 1; expected <= 3; ++expected) {
      siginfo_t info;
      while (::sigwaitinfo(&all, &info) != SIGRTMIN + 3) {
      }
      if (info.si_value.sival_int != expected || info.si_code != SI_QUEUE) return 2;
    }
    return 5;
  });
  auto send = [&](int value) {
    sigval v{};
    v.sival_int = value;
    ::sigqueue(child.pid(), SIGRTMIN + 3, v);
  };
  {
    auto tracee = Tracee::freeze(child.pid());
    settle_interrupted_calls(tracee);
    send(1);
    send(2);
    Scratch scratch(tracee, child.pid(), choose_scratch(child.pid()));
    const auto state = capture(tracee, scratch);
    EXPECT_EQ(state.pending_size(), 2);
    // A sanitizer may have a thread of its own there.
    EXPECT_EQ(static_cast<std::size_t>(state.threads_size()), read_tasks(child.pid()).size());
    EXPECT_EQ(state.layout().value_size(), 11);
    EXPECT_GE(state.pages_size(), 3);
    EXPECT_FALSE(state.threads(0).xstate().empty());
    bool stack = false, vdso = false, file = false;
    for (const auto& vma : state.vmas()) {
      stack |= vma.kind() == static_cast<std::uint32_t>(VmaKind::stack);
      vdso |= vma.kind() == static_cast<std::uint32_t>(VmaKind::vdso);
      file |= vma.file_backed();
      EXPECT_NE(vma.begin(), scratch.at().value);
    }
    EXPECT_TRUE(stack && vdso && file);
    give_back_signals(scratch, state);
    scratch.unmap(child.pid());
  }
  send(3);
  EXPECT_EQ(child.wait(), 5);
}

TEST(Capture, GivesEachThreadBackItsOwnSignals) {
  Alone child([](int ready) {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    int result = 1;
    std::thread second([&] {
      const pid_t self = ::gettid();
      if (::write(ready, &self, sizeof self) != sizeof self) return;
      siginfo_t info;
      // Not sigwaitinfo(3), which makes SI_USER of SI_TKILL.
      while (::syscall(SYS_rt_sigtimedwait, &all, &info, nullptr, 8) != SIGUSR1) {
      }
      result = info.si_code == SI_TKILL ? 8 : 9;
    });
    second.join();
    return result;
  });
  pid_t second = 0;
  auto* rest = reinterpret_cast<char*>(&second);
  rest[0] = child.first();
  ASSERT_EQ(::read(child.fd(), rest + 1, sizeof second - 1), sizeof second - 1);
  {
    auto tracee = Tracee::freeze(child.pid());
    settle_interrupted_calls(tracee);
    ::syscall(SYS_tgkill, child.pid(), second, SIGUSR1);
    Scratch scratch(tracee, child.pid(), choose_scratch(child.pid()));
    const auto state = capture(tracee, scratch);
    int pending = 0;
    for (const auto& thread : state.threads()) {
      pending += thread.pending_size();
      EXPECT_TRUE(thread.pending_size() == 0 || thread.tid() == static_cast<std::uint32_t>(second));
    }
    EXPECT_EQ(pending, 1);
    EXPECT_EQ(state.pending_size(), 0);
    give_back_signals(scratch, state);
    scratch.unmap(child.pid());
  }
  EXPECT_EQ(child.wait(), 8);
}

TEST(Capture, ADisturbedCallGoesOnUnnoticed) {
  Alone child([](int ready) {
    const int ep = ::epoll_create1(0);
    if (::write(ready, "x", 1) != 1) return 1;
    epoll_event event;
    if (::epoll_wait(ep, &event, 1, 600) != 0) return 2;
    if (::poll(nullptr, 0, 400) != 0) return 3;
    timespec t{0, 400'000'000};
    if (::nanosleep(&t, nullptr) != 0) return 4;
    return 6;
  });
  for (int i = 0; i < 40; ++i) {
    ::usleep(30'000);
    try {
      auto tracee = Tracee::freeze(child.pid());
      settle_interrupted_calls(tracee);
      Scratch scratch(tracee, child.pid(), choose_scratch(child.pid()));
      give_back_signals(scratch, capture(tracee, scratch));
      scratch.unmap(child.pid());
    } catch (const ProcessGone&) {
      break;
    }
  }
  EXPECT_EQ(child.wait(), 6);
}

std::string reason(const std::function<void()>& make) {
  Alone child([&](int ready) {
    make();
    if (::write(ready, "x", 1) != 1) return 1;
    while (true) ::pause();
    return 0;
  });
  return reason_to_stay(child.pid()).value_or("");
}

TEST(Inspect, NamesWhatKeepsAProcessHome) {
  EXPECT_EQ(reason([] {}), "");
  EXPECT_THAT(reason([] {
                ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
              }),
              testing::HasSubstr("shared memory"));
  EXPECT_THAT(reason([] {
                sigset_t set;
                ::sigemptyset(&set);
                ::sigaddset(&set, SIGUSR1);
                (void)::signalfd(-1, &set, 0);
              }),
              testing::HasSubstr("signalfd"));
  EXPECT_THAT(reason([] {
                static char locked[4096];
                // Not mlock(3): the sanitizers make nothing of it.
                (void)::syscall(SYS_mlock, locked, sizeof locked);
              }),
              testing::HasSubstr("mlock"));
  EXPECT_THAT(reason([] {
                const int fd = ::open("/dev/full", O_RDWR);
                ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
              }),
              testing::AnyOf("", "it maps /dev/full"));
  EXPECT_THROW(reason_to_stay(0x3fffffff), ProcessGone);
  EXPECT_EQ(reason_to_stay(2).value_or(""), "it is a thread of the kernel");
}

TEST(Inspect, AThreadThatEndsMeanwhileIsNotTheProcess) {
  Alone child([&](int ready) {
    if (::write(ready, "x", 1) != 1) return 1;
    while (true) {
      std::vector<std::thread> threads;
      for (int i = 0; i < 20; ++i) threads.emplace_back([] {});
      for (auto& t : threads) t.join();
    }
    return 0;
  });
  for (int i = 0; i < 200; ++i) ASSERT_EQ(reason_to_stay(child.pid()).value_or(""), "");
}

TEST(Inspect, NamesTheOtherSideOfSharedMemory) {
  Shared<Progress> p;
  Alone child([&](int ready) {
    if (::write(ready, "x", 1) != 1) return 1;
    while (true) ::pause();
    return 0;
  });
  EXPECT_EQ(reason_to_stay(child.pid()), "it shares memory with pid " + std::to_string(::getpid()));
}

TEST(Host, MissesNothingOfItself) {
  EXPECT_EQ(missing_feature(cpu_features(), enabled_xfeatures()), "");
  auto more = cpu_features();
  more[3] = ~0u;
  EXPECT_NE(missing_feature(more, enabled_xfeatures()), "");
  EXPECT_EQ(vdso_hash().size(), 32u);
}

}  // namespace
}  // namespace starling::migrate
