// SPDX-License-Identifier: GPL-2.0-or-later
// The parts of the guest's side that need no body.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <csignal>
#include <cstring>
#include <future>
#include <thread>

#include "agents/common/clock.h"
#include "agents/migrate/body_clocks.h"
#include "agents/migrate/body_harvest.h"
#include "agents/migrate/body_stub.h"
#include "agents/migrate/checked_calls.h"
#include "agents/migrate/page_door.h"
#include "agents/migrate/process_maps.h"
#include "agents/migrate/restart.h"
#include "agents/migrate/seccomp_listener.h"
#include "agents/migrate/signal_effect.h"
#include "agents/migrate/signal_mark.h"
#include "agents/migrate/wire.h"
#include "tests/unit/migrate/child.h"

namespace starling::migrate {
namespace {

using Effect = SignalEffects::Effect;

TEST(SignalEffects, FollowTheActionsAndTheDefaults) {
  // SIGUSR1 (10) is caught, SIGINT (2) and SIGTSTP (20) are ignored.
  const SignalEffects effects("SigIgn:\t0000000000080002\nSigCgt:\t0000000000000200\n");
  EXPECT_EQ(effects.of(SIGUSR1), Effect::handler);
  EXPECT_EQ(effects.of(SIGINT), Effect::none);
  EXPECT_EQ(effects.of(SIGTSTP), Effect::none);
  EXPECT_EQ(effects.of(SIGTERM), Effect::kills);
  EXPECT_EQ(effects.of(SIGSEGV), Effect::kills);
  EXPECT_EQ(effects.of(40), Effect::kills);
  EXPECT_EQ(effects.of(SIGSTOP), Effect::stops);
  EXPECT_EQ(effects.of(SIGTTIN), Effect::stops);
  for (const int number : {SIGCHLD, SIGURG, SIGWINCH, SIGCONT})
    EXPECT_EQ(effects.of(number), Effect::none) << number;
}

TEST(SignalEffects, OnlySignalsThatWouldActNowAreDeliverable) {
  // Pending: SIGHUP (1) and SIGTERM (15) for the thread, SIGUSR1 (10), SIGCHLD (17) for all.
  const std::string pending =
      "SigPnd:\t0000000000004001\nShdPnd:\t0000000000010200\nSigIgn:\t0000000000000000\n"
      "SigCgt:\t0000000000000200\n";
  EXPECT_EQ(deliverable_signals(pending + "SigBlk:\t0000000000000001\n"), 0x4200u);
  EXPECT_EQ(deliverable_signals(pending + "SigBlk:\tffffffffffffffff\n"), 0u);
}

TEST(RestartInterruptedCall, StepsBackToTheInstructionOrLeavesTheResult) {
  Registers r{};
  r.rip = 1002;
  r.orig_rax = SYS_read;
  r.rax = static_cast<std::uint64_t>(std::int64_t{kRestartSys});
  Registers again = r;
  restart_interrupted_call(again);
  EXPECT_EQ(again.rip, 1000u);
  EXPECT_EQ(again.rax, static_cast<std::uint64_t>(SYS_read));
  EXPECT_LT(static_cast<std::int64_t>(again.orig_rax), 0);

  Registers done = r;
  done.rax = static_cast<std::uint64_t>(-EINTR);
  restart_interrupted_call(done);
  EXPECT_EQ(done.rip, 1002u);
  EXPECT_EQ(static_cast<std::int64_t>(done.rax), -EINTR);
  EXPECT_LT(static_cast<std::int64_t>(done.orig_rax), 0);

  // In no call, whatever rax may be.
  Registers outside = r;
  outside.orig_rax = ~0ULL;
  restart_interrupted_call(outside);
  EXPECT_EQ(outside.rip, 1002u);
}

TEST(BodyStub, StopsAtOnceAndMapsNextToNothing) {
  const UniqueFd stub = make_body_stub();
  Child child([&] {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    const char* const none[] = {nullptr};
    ::syscall(SYS_execveat, stub.get(), "", none, none, 0x1000 /* AT_EMPTY_PATH */);
    return 1;
  });
  int status = 0;
  ASSERT_EQ(::waitpid(child.pid(), &status, 0), child.pid());  // the exec
  ASSERT_TRUE(WIFSTOPPED(status));
  ASSERT_EQ(::ptrace(PTRACE_CONT, child.pid(), nullptr, nullptr), 0);
  ASSERT_EQ(::waitpid(child.pid(), &status, 0), child.pid());
  ASSERT_TRUE(WIFSTOPPED(status));
  EXPECT_EQ(WSTOPSIG(status), SIGTRAP);
  int ordinary = 0;
  for (const Mapping& m : read_maps(child.pid())) ordinary += m.kind == VmaKind::ordinary;
  EXPECT_EQ(ordinary, 1);
}

// A child whose getppid(2) is asked for; its listener.
int listen_for_getppid() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return static_cast<int>(
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

TEST(SeccompListener, AnswersOrLetsRun) {
  Shared<std::atomic<int>> number;
  *number = -1;
  Child child([&] {
    const int fd = listen_for_getppid();
    *number = fd;
    if (fd < 0) return 1;
    if (::syscall(SYS_getppid) != 42) return 2;
    if (::syscall(SYS_getppid) != -1 || errno != EACCES) return 3;
    return ::syscall(SYS_getppid) > 0 ? 7 : 4;
  });
  while (*number == -1) ::usleep(100);
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child.pid(), 0)));
  SeccompListener listener(
      UniqueFd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), number->load(), 0))));
  for (int i = 0; i < 3; ++i) {
    const auto notification = listener.receive();
    ASSERT_TRUE(notification);
    EXPECT_EQ(notification->data.nr, SYS_getppid);
    EXPECT_EQ(static_cast<pid_t>(notification->pid), child.pid());
    EXPECT_TRUE(listener.alive(notification->id));
    if (i == 0) {
      EXPECT_TRUE(listener.answer(notification->id, 42));
    } else if (i == 1) {
      EXPECT_TRUE(listener.answer(notification->id, -EACCES));
    } else {
      EXPECT_TRUE(listener.let_run(notification->id));
    }
    EXPECT_FALSE(listener.answer(notification->id + 1000, 0));
  }
  EXPECT_EQ(child.wait(), 7);
}

TEST(CheckedCalls, MakesManyAndNamesTheOneThatFails) {
  Shared<std::atomic<bool>> stop;
  Child child([&] {
    while (!*stop) ::usleep(1000);
    return 5;
  });
  {
    auto tracee = Tracee::freeze(child.pid());
    Scratch scratch(tracee, child.pid(), choose_scratch(child.pid()));
    CheckedCalls calls(scratch, child.pid());
    for (int i = 0; i < 3000; ++i) {
      calls.begin();
      calls.add("getpid", SYS_getpid);
    }
    calls.try_to(SYS_close, {12345});
    calls.run();
    EXPECT_EQ(calls.result(0), child.pid());
    EXPECT_EQ(calls.result(2999), child.pid());
    EXPECT_EQ(calls.result(3000), -EBADF);
    calls.add("closing what is not open", SYS_close, {12345});
    try {
      calls.run();
      FAIL();
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code().value(), EBADF);
      EXPECT_NE(std::string(e.what()).find("closing what is not open"), std::string::npos);
    }
    scratch.unmap(child.pid());
  }
  *stop = true;
  EXPECT_EQ(child.wait(), 5);
}

TEST(BodyClocks, CountOnFromHome) {
  Child child([] {
    while (true) {
    }
    return 0;
  });
  pb::ProcessState state;
  state.set_process_cpu(100 * kSecond);
  state.add_threads()->set_tid(77);
  state.add_thread_cpu(50 * kSecond);
  const BodyClocks clocks(child.pid(), state);
  while (clocks.body_ns() < 30 * kMillisecond) ::usleep(1000);
  const auto first = clocks.process_ns();
  EXPECT_GT(first, 100 * kSecond);
  EXPECT_LT(first, 1000 * kSecond);
  EXPECT_GE(clocks.process_ns(), first);
  EXPECT_GT(clocks.thread_ns(child.pid(), 77), 50 * kSecond);
}

TEST(SignalMark, ComesOffAgainAndStaysOffWhatNeedsNone) {
  for (const int code :
       std::initializer_list<int>{SI_USER, SI_KERNEL, SI_TKILL, SEGV_ACCERR, CLD_EXITED}) {
    siginfo_t info{};
    info.si_code = code;
    mark_signal(info);
    EXPECT_LT(info.si_code, 0) << code;
    EXPECT_NE(info.si_code, SI_TKILL);
    EXPECT_TRUE(unmark_signal(info));
    EXPECT_EQ(info.si_code, code);
  }
  for (const int code :
       std::initializer_list<int>{SI_QUEUE, SI_TIMER, SI_MESGQ, SI_ASYNCIO, SI_SIGIO}) {
    siginfo_t info{};
    info.si_code = code;
    mark_signal(info);
    EXPECT_EQ(info.si_code, code);
    EXPECT_FALSE(unmark_signal(info));
  }
}

class Door : public testing::Test {
 protected:
  static constexpr Address6 kLoopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

  void SetUp() override { ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, control_), 0); }
  void TearDown() override {
    ::close(control_[0]);
    if (control_[1] >= 0) ::close(control_[1]);
  }
  FrameChannel knock(char purpose, Bytes token) {
    FrameChannel channel(connector_.connect({"::1", "", 0}, door_.port()));
    const auto mark = static_cast<std::uint8_t>(purpose);
    channel.send(kPageHello, {&mark, 1}, token);
    return channel;
  }

  Connector connector_{std::nullopt};
  PageDoor door_{kLoopback, ""};
  int control_[2] = {-1, -1};
};

TEST_F(Door, LetsInWhoKnowsTheToken) {
  auto accepted = std::async(std::launch::async, [&] {
    return door_.accept(connector_, control_[0], std::chrono::seconds(10));
  });
  const std::array<std::uint8_t, 16> wrong{};
  auto stranger = knock('d', wrong);
  EXPECT_THROW(stranger.receive(), StreamClosed);
  auto bulk = knock('b', door_.token());
  auto twice = knock('b', door_.token());
  EXPECT_THROW(twice.receive(), StreamClosed);
  auto demand = knock('d', door_.token());
  auto connections = accepted.get();
  connections.demand->send(1, {});
  EXPECT_EQ(demand.receive().type, 1);
  connections.bulk->send(2, {});
  EXPECT_EQ(bulk.receive().type, 2);
}

TEST_F(Door, ClosesWhenNobodyComesOrHomeGivesUp) {
  EXPECT_THROW(door_.accept(connector_, control_[0], std::chrono::seconds(0)), StreamClosed);
  ::close(control_[1]);
  control_[1] = -1;
  EXPECT_THROW(door_.accept(connector_, control_[0], std::chrono::seconds(10)), StreamClosed);
}

TEST_F(Door, NamesAnInterfaceThatIsNotThere) {
  try {
    PageDoor(kLoopback, "nosuch0");
    FAIL();
  } catch (const std::system_error& e) {
    EXPECT_NE(std::string(e.what()).find("nosuch0"), std::string::npos);
  }
}

}  // namespace
}  // namespace starling::migrate
