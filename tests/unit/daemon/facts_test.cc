// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/facts.h"

#include <gtest/gtest.h>

#include <fstream>

#include "agents/daemon/speed.h"
#include "tests/unit/temp_dir.h"

namespace starling::daemon {
namespace {

TEST(Facts, MemoryFromMeminfo) {
  const auto m = parse_meminfo("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:   250 kB\n");
  ASSERT_TRUE(m);
  EXPECT_EQ(m->total, 1000u * 1024);
  EXPECT_EQ(m->available, 250u * 1024);
  EXPECT_FALSE(parse_meminfo("MemTotal: 1000 kB\n"));
  EXPECT_FALSE(parse_meminfo("xMemTotal: 1 kB\nMemAvailable: 1 kB\n"));
  EXPECT_FALSE(parse_meminfo("MemTotal: x kB\nMemAvailable: 1 kB\n"));
  EXPECT_FALSE(parse_meminfo(""));
  // More available than there is, as some containers say.
  EXPECT_EQ(parse_meminfo("MemTotal: 1 kB\nMemAvailable: 9 kB\n")->available, 1024u);
}

TEST(Facts, RunningTasksWithoutTheAsker) {
  EXPECT_EQ(parse_running("0.5 0.4 0.3 3/412 9999\n"), 2.0);
  EXPECT_EQ(parse_running("0.5 0.4 0.3 1/412 9999\n"), 0.0);
  EXPECT_FALSE(parse_running("0.5 0.4 0.3\n"));
  EXPECT_FALSE(parse_running("0.5 0.4 0.3 x/412 9999\n"));
  EXPECT_FALSE(parse_running(""));
}

TEST(Facts, Pressure) {
  EXPECT_EQ(parse_pressure("some avg10=12.50 avg60=1.00 avg300=0.10 total=1\nfull avg10=0.00"),
            12.5);
  EXPECT_FALSE(parse_pressure("nothing"));
  EXPECT_FALSE(parse_pressure("some avg10=900.0"));
}

TEST(Facts, LoadFollowsTheRunQueueSmoothly) {
  TempDir proc;
  const auto set = [&](int running) {
    std::ofstream(proc.path() / "loadavg") << "0 0 0 " << running + 1 << "/99 1\n";
  };
  LoadMeter meter(proc.path());
  set(0);
  EXPECT_EQ(meter.sample(), 0);
  set(8);
  EXPECT_GT(meter.sample(), 0);
  EXPECT_LT(meter.average(), 8);
  for (int i = 0; i < 40; ++i) meter.sample();
  EXPECT_NEAR(meter.average(), 8, 0.01);
  std::filesystem::remove(proc.path() / "loadavg");
  EXPECT_NEAR(meter.sample(), 8, 0.01);  // unreadable: the last known
}

TEST(Facts, ImageIdIsOneCleanWord) {
  TempDir dir;
  std::ofstream(dir.path() / "id") << "abc-123 \x1b[31m\nsecond\n";
  EXPECT_EQ(image_id(dir.path() / "id"), "abc-123");
  std::ofstream(dir.path() / "long") << std::string(200, 'x') << "\n";
  EXPECT_EQ(image_id(dir.path() / "long").size(), 64u);
}

TEST(Facts, SpeedIsPositiveAndWithinReason) {
  const std::uint32_t speed = measure_speed();
  EXPECT_GE(speed, 1u);
  EXPECT_LT(speed, 1'000'000u);
}

}  // namespace
}  // namespace starling::daemon
