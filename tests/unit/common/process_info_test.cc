// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/process_info.h"

#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

namespace starling {
namespace {

const std::string kStatus =
    "Name:\tx\nState:\tS\nPid:\t12\nUid:\t1000\t0\t0\t0\nGid:\t5\t5\t5\t5\n";
std::string stat_of(const std::string& comm, const std::string& flags = "4194304") {
  return "12 (" + comm + ") S 7 12 12 0 -1 " + flags +
         " 100 0 0 0 30 12 0 0 20 0 1 0 98765 1000000 250 18446744073709551615 1 1\n";
}

TEST(ProcessInfo, ReadsTheFieldsThatAreUsed) {
  const auto info = parse_process(stat_of("sleep"), kStatus);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->pid, 12);
  EXPECT_EQ(info->parent, 7);
  EXPECT_EQ(info->uid, 1000u);  // the real one, not the effective
  EXPECT_EQ(info->state, 'S');
  EXPECT_EQ(info->cpu_ticks, 42u);
  EXPECT_EQ(info->started, 98765u);
  EXPECT_EQ(info->resident, 250u * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
  EXPECT_FALSE(info->kernel_thread);
  EXPECT_TRUE(parse_process(stat_of("kworker", "69238880"), kStatus)->kernel_thread);
}

TEST(ProcessInfo, NameMayHoldAnything) {
  for (const char* name : {"a) S 1 1 (b", "", "(", "))", " x y "}) {
    const auto info = parse_process(stat_of(name), kStatus);
    ASSERT_TRUE(info) << name;
    EXPECT_EQ(info->comm, name);
    EXPECT_EQ(info->parent, 7) << name;
  }
}

TEST(ProcessInfo, DamagedTextIsNoProcess) {
  for (const char* bad : {"", "12", "12 (x)", "12 (x) S 1", ") (", "x (y) S 7 12 12 0 -1"}) {
    EXPECT_FALSE(parse_process(bad, kStatus)) << bad;
  }
  EXPECT_FALSE(parse_process(stat_of("x"), "Name:\tx\n"));
  EXPECT_FALSE(parse_process(stat_of("x"), "Name:\tx\nUid:\tnobody\n"));
}

TEST(ProcessInfo, KnowsThisProcess) {
  const auto self = read_process(getpid());
  ASSERT_TRUE(self);
  EXPECT_EQ(self->pid, getpid());
  EXPECT_EQ(self->parent, getppid());
  EXPECT_EQ(self->uid, getuid());
  EXPECT_FALSE(read_process(0));
  EXPECT_FALSE(read_process(-1));
  EXPECT_FALSE(read_process(0x3fffffff));
}

}  // namespace
}  // namespace starling
