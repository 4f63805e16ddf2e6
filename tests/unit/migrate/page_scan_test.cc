// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/page_scan.h"

#include <gtest/gtest.h>

#include "agents/migrate/page_source.h"
#include "tests/unit/migrate/puppet.h"

namespace starling::migrate {
namespace {

using Op = Puppet::Op;

class PageScanTest : public testing::TestWithParam<PageScan::Method> {};

TEST_P(PageScanTest, FindsThePagesThatAreThereAlsoInSmallSteps) {
  const ReservedSpace space(300000 * kPage);
  const RemoteRange all = space.pages(0, 300000);
  Puppet puppet;
  ASSERT_EQ(puppet.run({Op::map, all, PROT_READ | PROT_WRITE}), 0u);
  const RemoteRanges filled{space.pages(0, 1), space.pages(5, 10), space.pages(299990, 10)};
  for (const RemoteRange& range : filled) puppet.run({Op::fill, range, 0});
  PageScan scan(puppet.pid(), GetParam());
  const PageScan::Query there{.any = PageScan::kPresent | PageScan::kSwapped};
  EXPECT_EQ(scan.find({all}, there), filled);
  EXPECT_TRUE(scan.find({space.pages(1, 4), space.pages(100, 5000)}, there).empty());

  std::uint64_t pages = 0;
  RemoteRange rest = all;
  for (int steps = 0; !rest.empty(); ++steps) {
    ASSERT_LT(steps, 100);
    const auto step = scan.scan(rest, there, 4);
    std::uint64_t now = 0;
    for (const auto& run : step.runs) now += run.range.size() / kPage;
    EXPECT_LE(now, 4u);
    pages += now;
    rest.begin = step.next;
  }
  EXPECT_EQ(pages, 21u);
}

INSTANTIATE_TEST_SUITE_P(Both, PageScanTest,
                         testing::Values(PageScan::Method::best, PageScan::Method::pagemap_file));

TEST(PageScan, ThePageOfZerosIsNoContents) {
  const ReservedSpace space(10 * kPage);
  Puppet puppet;
  ASSERT_EQ(puppet.run({Op::map, space.pages(0, 10), PROT_READ | PROT_WRITE}), 0u);
  puppet.run({Op::nonzero, space.pages(0, 5)});
  puppet.run({Op::fill, space.pages(7, 1), 0});
  if (!PageScan(puppet.pid()).exact()) GTEST_SKIP() << "this kernel has no PAGEMAP_SCAN";
  EXPECT_EQ(present(puppet.pid(), {space.pages(0, 10)}), RemoteRanges{space.pages(7, 1)});
}

TEST(PageReader, GivesNothingOfADeadProcess) {
  const ReservedSpace space(10 * kPage);
  Puppet puppet;
  ASSERT_EQ(puppet.run({Op::map, space.pages(0, 10), PROT_READ | PROT_WRITE}), 0u);
  puppet.run({Op::fill, space.pages(0, 2), 0});
  PageReader reader(puppet.pid(), {{space.pages(0, 10), false}});
  const PageRequest request{PageRequest::Kind::exact, space.pages(0, 10)};
  EXPECT_EQ(reader.answer(request).runs,
            (std::vector<PageRun>{{PageRun::Kind::data, 2}, {PageRun::Kind::zero, 8}}));
  puppet.kill();
  EXPECT_THROW(reader.answer(request), std::system_error);
  // Also of pages that were never there.
  EXPECT_THROW(reader.answer({PageRequest::Kind::exact, space.pages(5, 1)}), std::system_error);
}

TEST(PageReader, ReadsNothingOutsideItsRegions) {
  const ReservedSpace space(10 * kPage);
  Puppet puppet;
  ASSERT_EQ(puppet.run({Op::map, space.pages(0, 10), PROT_READ | PROT_WRITE}), 0u);
  puppet.run({Op::fill, space.pages(0, 10), 0});
  PageReader reader(puppet.pid(), {{space.pages(2, 2), false}, {space.pages(6, 1), false}});
  const PageAnswer answer = reader.answer({PageRequest::Kind::exact, space.pages(0, 10)});
  EXPECT_EQ(answer.runs, (std::vector<PageRun>{{PageRun::Kind::unreadable, 2},
                                               {PageRun::Kind::data, 2},
                                               {PageRun::Kind::unreadable, 2},
                                               {PageRun::Kind::data, 1},
                                               {PageRun::Kind::unreadable, 3}}));
  EXPECT_EQ(answer.data.size(), 3 * kPage);
}

TEST(PageReader, TheNextPagesEndWithTheirBudget) {
  const ReservedSpace space(1000 * kPage);
  Puppet puppet;
  ASSERT_EQ(puppet.run({Op::map, space.pages(0, 1000), PROT_READ | PROT_WRITE}), 0u);
  puppet.run({Op::fill, space.pages(300, 100), 0});
  PageReader reader(puppet.pid(), {{space.pages(0, 1000), false}});
  const PageAnswer answer =
      reader.answer({PageRequest::Kind::next, space.pages(0, 1000), 16 * kPage});
  EXPECT_EQ(answer.runs,
            (std::vector<PageRun>{{PageRun::Kind::zero, 300}, {PageRun::Kind::data, 16}}));
}

}  // namespace
}  // namespace starling::migrate
