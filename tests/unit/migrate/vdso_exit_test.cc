// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/vdso_exit.h"

#include <gtest/gtest.h>

#include <ctime>

#include "agents/migrate/process_maps.h"
#include "tests/unit/migrate/child.h"

namespace starling::migrate {
namespace {

// A program that does nothing but look at the clock is inside nearly always.
TEST(VdsoExit, LetsAClockReaderOutAndItsClockGoesOn) {
  struct Seen {
    std::atomic<bool> stop{false};
    std::atomic<bool> backwards{false};
    std::atomic<std::uint64_t> rounds{0};
  };
  Shared<Seen> seen;
  Child child([&] {
    timespec last{};
    while (!seen->stop) {
      timespec now{};
      ::clock_gettime(CLOCK_MONOTONIC, &now);
      if (now.tv_sec < last.tv_sec || (now.tv_sec == last.tv_sec && now.tv_nsec < last.tv_nsec))
        seen->backwards = true;
      last = now;
      ++seen->rounds;
    }
    return 4;
  });
  while (seen->rounds < 1000) ::usleep(100);
  RemoteRange vdso;
  for (const Mapping& m : read_maps(child.pid()))
    if (m.kind == VmaKind::vdso) vdso = m.range;
  ASSERT_FALSE(vdso.empty());
  int inside = 0;
  for (int i = 0; i < 200; ++i) {
    {
      auto tracee = Tracee::freeze(child.pid());
      inside += vdso.contains(RemoteAddr{tracee.registers(child.pid()).rip});
      const auto mask = tracee.mask(child.pid());
      leave_vdso(tracee);
      const Registers r = tracee.registers(child.pid());
      EXPECT_TRUE(!vdso.contains(RemoteAddr{r.rip}) || static_cast<std::int64_t>(r.orig_rax) >= 0 ||
                  tracee.peek<std::uint16_t>(RemoteAddr{r.rip}) == 0x050f);
      EXPECT_EQ(tracee.mask(child.pid()), mask);
      // The breakpoints are gone with it.
      EXPECT_TRUE(tracee.stopped(child.pid()));
    }
    const auto before = seen->rounds.load();
    while (seen->rounds < before + 10) ::usleep(50);
  }
  EXPECT_GT(inside, 0) << "nothing was tried";
  EXPECT_FALSE(seen->backwards);
  seen->stop = true;
  EXPECT_EQ(child.wait(), 4);
}

}  // namespace
}  // namespace starling::migrate
