// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/tracee.h"

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <algorithm>
#include <filesystem>
#include <thread>
#include <vector>

#include "agents/migrate/proc_file.h"
#include "agents/migrate/process_maps.h"
#include "agents/migrate/scratch.h"
#include "tests/unit/migrate/child.h"

namespace starling::migrate {
namespace {

struct Counters {
  std::atomic<std::uint64_t> rounds{0};
  std::atomic<bool> stop{false};
  std::atomic<int> signals{0};
};

int count(Counters& c) {
  while (!c.stop) ++c.rounds;
  return 7;
}

void await_rounds(Counters& c) {
  const auto from = c.rounds.load();
  while (c.rounds < from + 1000) ::usleep(100);
}

TEST(Tracee, StopsAndLetsGo) {
  Shared<Counters> c;
  Child child([&] { return count(*c); });
  await_rounds(*c);
  {
    const auto tracee = Tracee::freeze(child.pid());
    const auto seen = c->rounds.load();
    ::usleep(20'000);
    EXPECT_EQ(c->rounds, seen);
    EXPECT_EQ(tracee.threads().front(), child.pid());
    EXPECT_EQ(tracee.threads().size(), read_tasks(child.pid()).size());
    EXPECT_FALSE(tracee.xstate(child.pid()).empty());
  }
  await_rounds(*c);
  c->stop = true;
  EXPECT_EQ(child.wait(), 7);
}

TEST(Tracee, StopsThreadsThatKeepStartingThreads) {
  Shared<Counters> c;
  Child child([&] {
    std::vector<std::thread> busy;
    for (int i = 0; i < 3; ++i) {
      busy.emplace_back([&] {
        while (!c->stop) std::thread([&] { ++c->rounds; }).join();
      });
    }
    for (auto& t : busy) t.join();
    return 9;
  });
  for (int round = 0; round < 20; ++round) {
    await_rounds(*c);
    const auto tracee = Tracee::freeze(child.pid());
    EXPECT_EQ(read_tasks(child.pid()).size(), tracee.threads().size());
    const auto seen = c->rounds.load();
    ::usleep(2'000);
    EXPECT_EQ(c->rounds, seen);
  }
  c->stop = true;
  EXPECT_EQ(child.wait(), 9);
}

TEST(Tracee, RefusesWhatIsStoppedOrTraced) {
  Child stopped([] {
    ::raise(SIGSTOP);
    return 0;
  });
  int status = 0;
  ASSERT_EQ(::waitpid(stopped.pid(), &status, WUNTRACED), stopped.pid());
  try {
    Tracee::freeze(stopped.pid());
    FAIL() << "a stopped process was taken";
  } catch (const StaysHome& e) {
    EXPECT_STREQ(e.what(), "it is stopped");
  }
  Child traced([] {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    while (true) ::pause();
    return 0;
  });
  while (status_number(read_proc(traced.pid(), "status"), "TracerPid") == 0) ::usleep(100);
  EXPECT_THROW(Tracee::freeze(traced.pid()), StaysHome);
}

TEST(Tracee, ReportsAProcessThatEnded) {
  Child child([] { return 0; });
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT);
  EXPECT_ANY_THROW(Tracee::freeze(child.pid()));
}

TEST(Scratch, MakesCallsAndLeavesNoTrace) {
  Shared<Counters> c;
  Child child([&] { return count(*c); });
  await_rounds(*c);
  {
    auto tracee = Tracee::freeze(child.pid());
    const auto before = tracee.registers(child.pid());
    const auto maps = read_proc(child.pid(), "maps");
    Scratch scratch(tracee, child.pid(), choose_scratch(child.pid()));
    EXPECT_EQ(scratch.call(child.pid(), SYS_getpid), child.pid());
    CallBatch batch(scratch);
    const char name[] = "renamed";
    const auto at = batch.put({reinterpret_cast<const std::uint8_t*>(name), sizeof name});
    batch.add(SYS_prctl, {15 /* PR_SET_NAME */, at.value});
    for (int i = 0; i < 500; ++i) batch.add(SYS_getpid);
    const auto bad = batch.add(SYS_close, {12345});
    const auto room = batch.room(16);
    const auto get = batch.add(SYS_prctl, {16 /* PR_GET_NAME */, room.value});
    batch.run(child.pid());
    EXPECT_EQ(batch.result(0), 0);
    EXPECT_EQ(batch.result(300), child.pid());
    EXPECT_EQ(batch.result(bad), -EBADF);
    EXPECT_THROW(batch.expect(bad, "close"), std::system_error);
    EXPECT_EQ(batch.result(get), 0);
    const auto data = batch.data(room, 8);
    EXPECT_STREQ(reinterpret_cast<const char*>(data.data()), "renamed");
    scratch.unmap(child.pid());
    const auto after = tracee.registers(child.pid());
    EXPECT_EQ(before.rip, after.rip);
    EXPECT_EQ(before.r12, after.r12);
    EXPECT_EQ(before.rsp, after.rsp);
    EXPECT_EQ(maps, read_proc(child.pid(), "maps"));
  }
  await_rounds(*c);
  c->stop = true;
  EXPECT_EQ(child.wait(), 7);
}

TEST(Scratch, SignalsThatComeMeanwhileAreNotLost) {
  Shared<Counters> c;
  static Counters* seen;
  seen = &*c;
  Child child([&] {
    ::signal(SIGUSR1, [](int) { ++seen->signals; });
    ::signal(SIGTRAP, [](int) { seen->signals += 100; });
    return count(*c);
  });
  await_rounds(*c);
  {
    auto tracee = Tracee::freeze(child.pid());
    Scratch scratch(tracee, child.pid(), choose_scratch(child.pid()));
    ::kill(child.pid(), SIGUSR1);
    ::kill(child.pid(), SIGTRAP);
    CallBatch batch(scratch);
    for (int i = 0; i < 100; ++i) batch.add(SYS_getppid);
    batch.run(child.pid());
    EXPECT_EQ(batch.result(99), ::getpid());
    scratch.unmap(child.pid());
  }
  while (c->signals < 101) ::usleep(100);
  await_rounds(*c);
  EXPECT_EQ(c->signals, 101);
  c->stop = true;
  EXPECT_EQ(child.wait(), 7);
}

TEST(Scratch, DoesNotMapOverWhatIsThere) {
  Shared<Counters> c;
  Child child([&] { return count(*c); });
  await_rounds(*c);
  auto tracee = Tracee::freeze(child.pid());
  const auto maps = read_maps(child.pid());
  const auto program = std::find_if(
      maps.begin(), maps.end(), [](const Mapping& m) { return m.file_backed() && m.offset == 0; });
  ASSERT_NE(program, maps.end());
  const RemoteAddr first = program->range.begin;
  const auto before = tracee.peek<std::uint64_t>(first);
  EXPECT_THROW(Scratch(tracee, child.pid(), first), StaysHome);
  EXPECT_EQ(tracee.peek<std::uint64_t>(first), before);
}

}  // namespace
}  // namespace starling::migrate
