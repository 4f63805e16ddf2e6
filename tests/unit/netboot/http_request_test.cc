// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/http_request.h"

#include <gtest/gtest.h>

namespace starling::netboot {
namespace {

TEST(FindTarget, OnlyWhatIsInTheTable) {
  const FileTable files = {{"live/vmlinuz", "/m/live/vmlinuz"}};
  for (const char* good : {"/live/vmlinuz", "//live//vmlinuz", "/live/vmlinuz?x=1"})
    EXPECT_NE(find_target(files, good), files.end()) << good;
  for (const char* bad : {"", "live/vmlinuz", "/", "/live", "/live/vmlinuz/", "/../live/vmlinuz",
                          "/live/../live/vmlinuz", "/etc/passwd", "/%6cive/vmlinuz"})
    EXPECT_EQ(find_target(files, bad), files.end()) << bad;
}

struct RangeCase {
  const char* header;
  bool partial;
  std::uint64_t first, length;
};

TEST(ApplyRange, CutsToTheFile) {
  for (const RangeCase c : {RangeCase{"", false, 0, 1000}, {"bytes=0-", true, 0, 1000},
                            {"bytes=10-19", true, 10, 10}, {"bytes=990-2000", true, 990, 10},
                            {"bytes=-5", true, 995, 5}, {"bytes=-5000", true, 0, 1000},
                            {"bytes=5-4", false, 0, 1000}, {"bytes=1-2,4-5", false, 0, 1000},
                            {"lines=1-2", false, 0, 1000}, {"bytes=x-2", false, 0, 1000},
                            {"bytes=-", false, 0, 1000},
                            {"bytes=99999999999999999999-", false, 0, 1000}}) {
    const auto answer = apply_range(c.header, 1000);
    EXPECT_EQ(answer.partial, c.partial) << c.header;
    ASSERT_TRUE(answer.range) << c.header;
    EXPECT_EQ(answer.range->first, c.first) << c.header;
    EXPECT_EQ(answer.range->length, c.length) << c.header;
  }
  EXPECT_FALSE(apply_range("bytes=1000-", 1000).range);
  EXPECT_FALSE(apply_range("bytes=-0", 1000).range);
  EXPECT_FALSE(apply_range("bytes=0-", 0).range);
}

}  // namespace
}  // namespace starling::netboot
