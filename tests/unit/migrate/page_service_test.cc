// SPDX-License-Identifier: GPL-2.0-or-later
// A deputy with known memory and a body that starts without, both forked here; the page service
// between them over socket pairs.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "agents/migrate/page_scan.h"
#include "agents/migrate/page_sink.h"
#include "agents/migrate/page_source.h"
#include "agents/migrate/process_maps.h"
#include "tests/unit/migrate/puppet.h"

namespace starling::migrate {
namespace {

using namespace std::chrono_literals;
using Op = Puppet::Op;

constexpr std::uint64_t kReadWrite = PROT_READ | PROT_WRITE;
constexpr std::uint64_t kSpacePages = 1 << 19;  // 2 GiB of addresses

class PageService : public testing::Test {
 protected:
  // In both: anonymous memory; the deputy's is filled where `fill`.
  void map_both(RemoteRange range, bool fill) {
    ASSERT_EQ(deputy_.run({Op::map, range, kReadWrite}), 0u);
    ASSERT_EQ(body_.run({Op::map, range, kReadWrite}), 0u);
    if (fill) deputy_.run({Op::fill, range, 0});
    regions_.push_back({range, false});
  }

  void connect(PageSink::Options options = {}) {
    source_.emplace(deputy_.pid(), regions_);
    auto [demand_a, demand_b] = stream_pair();
    auto [bulk_a, bulk_b] = stream_pair();
    source_->serve(std::make_unique<FrameChannel>(std::move(demand_a)));
    source_->serve(std::make_unique<FrameChannel>(std::move(bulk_a)));
    connect_sink(std::make_unique<FrameChannel>(std::move(demand_b)),
                 std::make_unique<FrameChannel>(std::move(bulk_b)), options);
  }

  void connect_sink(std::unique_ptr<FrameChannel> demand, std::unique_ptr<FrameChannel> bulk,
                    PageSink::Options options) {
    Userfaultfd uffd(body_.fetch(body_.run({Op::uffd, {}})));
    uffd.handshake();
    tracks_ = uffd.tracks_writes();
    PageSink::Callbacks callbacks;
    callbacks.on_failure = [this](const std::string& reason) {
      std::cout << "on_failure: " << reason << std::endl;  // a body that blocks tells nothing
      failed_.set_value(reason);
    };
    callbacks.on_home_needed = [this](RemoteAddr address) {
      if (!home_needed_once_.exchange(true)) home_needed_.set_value(address);
    };
    sink_.emplace(std::move(uffd), body_.pid(), std::move(demand), std::move(bulk), callbacks,
                  options);
    for (const PageRegion& region : regions_) sink_->add_region(region.range, region.file_backed);
  }

  static PageSink::Options on_demand_only() {
    PageSink::Options options;
    options.background = false;
    return options;
  }

  ReservedSpace space_{kSpacePages * kPage};
  Puppet deputy_;
  Puppet body_;
  std::vector<PageRegion> regions_;
  std::promise<std::string> failed_;
  std::promise<RemoteAddr> home_needed_;
  std::atomic<bool> home_needed_once_ = false;
  bool tracks_ = false;
  std::optional<PageSource> source_;
  std::optional<PageSink> sink_;
};

// What another thread is about to do, within ten seconds.
bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(10ms);
  return condition();
}

TEST_F(PageService, BringsEveryPageByTouchAlone) {
  const RemoteRange range = space_.pages(0, 1000);
  map_both(range, true);
  connect(on_demand_only());
  sink_->start();
  EXPECT_EQ(body_.run({Op::check, range, 0}), 0u);
  EXPECT_TRUE(sink_->complete());
  // The last pages are counted after the body was let go.
  EXPECT_TRUE(eventually([&] { return sink_->stats().pulled_pages == 1000; }));
  const auto stats = sink_->stats();
  EXPECT_LT(stats.faults, 200u);  // windows
  EXPECT_GT(stats.stall_ns, 0u);
  EXPECT_TRUE(eventually([&] { return source_->stats().data_pages == 1000; }));
}

TEST_F(PageService, BringsEveryPageInTheBackground) {
  const RemoteRange range = space_.pages(0, 20000);
  map_both(range, true);
  connect();
  sink_->start();
  ASSERT_TRUE(sink_->wait_complete(60s));
  EXPECT_TRUE(eventually([&] { return sink_->stats().pushed_pages == 20000; }));
  source_->stop();  // the body is on its own now
  EXPECT_EQ(body_.run({Op::check, range, 0}), 0u);
  EXPECT_EQ(sink_->failure(), "");
}

TEST_F(PageService, KeepsContentsRightWhileTwoThreadsTouchAndTheBackgroundRuns) {
  const RemoteRange range = space_.pages(0, 30000);
  map_both(range, true);
  connect();
  sink_->start();
  body_.send({Op::scatter, range, 20000, 7}, 0);
  body_.send({Op::scatter, range, 20000, 99}, 1);
  EXPECT_EQ(body_.answer(0), 0u);
  EXPECT_EQ(body_.answer(1), 0u);
  ASSERT_TRUE(sink_->wait_complete(60s));
  EXPECT_EQ(body_.run({Op::check, range, 0}), 0u);
}

TEST_F(PageService, SendsNothingForPagesThatWereNeverWritten) {
  const RemoteRange range = space_.pages(0, 4000);
  const RemoteRange written_part = space_.pages(100, 7);
  map_both(range, false);
  deputy_.run({Op::fill, written_part, 0});
  deputy_.run({Op::nonzero, space_.pages(200, 3)});  // read only: the page of zeros
  connect();
  sink_->start();
  ASSERT_TRUE(sink_->wait_complete(60s));
  EXPECT_TRUE(eventually([&] { return source_->stats().data_pages == 7; }));
  EXPECT_EQ(body_.run({Op::check, written_part, 0}), 0u);
  EXPECT_EQ(body_.run({Op::nonzero, space_.pages(107, 500)}), 0u);
  EXPECT_EQ(body_.run({Op::write, space_.pages(3999, 1), 5}), 0u);
  EXPECT_EQ(body_.run({Op::read, space_.pages(3999, 1)}), 5u);
}

TEST_F(PageService, HandlesAReservationOfTerabytes) {
  // Not within the reserved space, whose size is what sanitizers bear.
  const RemoteRange range{{0x100000000000}, {0x100000000000 + (std::uint64_t{1} << 42)}};
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer uses these addresses";
#endif
  map_both(range, false);
  const RemoteRange inside{{range.begin + (std::uint64_t{1} << 41)},
                           {range.begin + (std::uint64_t{1} << 41) + 10 * kPage}};
  deputy_.run({Op::fill, inside, 0});
  connect();
  sink_->start();
  EXPECT_EQ(body_.run({Op::check, inside, 0}), 0u);
  ASSERT_TRUE(sink_->wait_complete(60s));
  EXPECT_TRUE(
      eventually([&] { return sink_->stats().pulled_pages + sink_->stats().pushed_pages == 10; }));
}

TEST_F(PageService, InstalledPagesAreThereBeforeTheStart) {
  const RemoteRange range = space_.pages(0, 64);
  map_both(range, true);
  connect(on_demand_only());
  std::vector<std::uint8_t> data(2 * kPage, 0);
  const std::uint64_t word = page_word(space_.pages(5, 1).begin.value, 0);
  std::memcpy(data.data(), &word, sizeof word);
  sink_->install(space_.pages(5, 1).begin, data);
  EXPECT_EQ(body_.run({Op::check, space_.pages(5, 1), 0}), 0u);  // nobody serves faults yet
  EXPECT_EQ(sink_->stats().installed_pages, 2u);
  sink_->start();
  EXPECT_EQ(body_.run({Op::check, space_.pages(0, 6), 0}), 0u);
  EXPECT_THROW(sink_->install({space_.pages(5, 1).begin.value + 1}, data), std::invalid_argument);
}

TEST_F(PageService, DroppedPagesAreZeroAndNotHomesOldOnes) {
  const RemoteRange range = space_.pages(0, 2000);
  map_both(range, true);
  connect(on_demand_only());
  sink_->start();
  EXPECT_EQ(body_.run({Op::check, space_.pages(0, 100), 0}), 0u);
  const RemoteRange dropped = space_.pages(50, 200);  // some here, some still at home
  EXPECT_EQ(body_.run({Op::advise, dropped, MADV_DONTNEED}), 0u);
  EXPECT_EQ(body_.run({Op::nonzero, dropped}), 0u);
  EXPECT_EQ(sink_->gone_ranges(), RemoteRanges{dropped});
  EXPECT_EQ(body_.run({Op::check, space_.pages(250, 1750), 0}), 0u);
  EXPECT_TRUE(sink_->complete());
  EXPECT_EQ(sink_->original_ranges(), RemoteRanges{range});
}

TEST_F(PageService, NeverBringsBackWhatIsDroppedWhileItTravels) {
  const RemoteRange range = space_.pages(0, 8192);
  map_both(range, true);
  connect();
  sink_->start();
  // One thread touches everything, the other drops it, page by page across the front of the
  // background's pull.
  body_.send({Op::sweep, range}, 1);
  for (std::uint64_t page = 0; page < 8192; page += 64) {
    const RemoteRange dropped = space_.pages(page, 32);
    ASSERT_EQ(body_.run({Op::advise, dropped, MADV_DONTNEED}), 0u);
    ASSERT_EQ(body_.run({Op::nonzero, dropped}), 0u) << page;
  }
  body_.answer(1);
  ASSERT_TRUE(sink_->wait_complete(60s));
  for (std::uint64_t page = 0; page < 8192; page += 64) {
    ASSERT_EQ(body_.run({Op::nonzero, space_.pages(page, 32)}), 0u) << page;
    ASSERT_EQ(body_.run({Op::check, space_.pages(page + 32, 32), 0}), 0u) << page;
  }
}

TEST_F(PageService, ATouchAfterADropDoesNotWaitForTheAnswerOnItsWay) {
  const RemoteRange page = space_.pages(0, 1);
  map_both(page, true);
  auto [home, guest] = stream_pair();
  FrameChannel source(std::move(home));
  connect_sink(std::make_unique<FrameChannel>(std::move(guest)), nullptr, on_demand_only());
  sink_->start();
  body_.send({Op::nonzero, page}, 1);
  EXPECT_EQ(decode_page_request(source.receive().body).range, page);
  ASSERT_EQ(body_.run({Op::advise, page, MADV_DONTNEED}), 0u);
  body_.send({Op::nonzero, page}, 0);
  ASSERT_TRUE(eventually([&] { return body_.answered(0) && body_.answered(1); }));
  EXPECT_EQ(body_.answer(0), 0u);
  EXPECT_EQ(body_.answer(1), 0u);
}

TEST_F(PageService, UnmappedAndMappedAgainIsTheGuestsOwn) {
  const RemoteRange range = space_.pages(0, 4096);
  map_both(range, true);
  connect();
  sink_->start();
  body_.send({Op::check, space_.pages(2048, 2048), 0}, 1);
  for (std::uint64_t page = 0; page < 2048; page += 128) {
    const RemoteRange gone = space_.pages(page, 64);
    ASSERT_EQ(body_.run({Op::unmap, gone}), 0u);
    ASSERT_EQ(body_.run({Op::map, gone, kReadWrite}), 0u);
    ASSERT_EQ(body_.run({Op::nonzero, gone}), 0u) << page;
    ASSERT_EQ(body_.run({Op::fill, gone, 3}), 0u);
  }
  EXPECT_EQ(body_.answer(1), 0u);
  ASSERT_TRUE(sink_->wait_complete(60s));
  for (std::uint64_t page = 0; page < 2048; page += 128) {
    ASSERT_EQ(body_.run({Op::check, space_.pages(page, 64), 3}), 0u);
    ASSERT_EQ(body_.run({Op::check, space_.pages(page + 64, 64), 0}), 0u);
  }
  EXPECT_EQ(sink_->original_ranges().size(), 16u);
  EXPECT_TRUE(sink_->gone_ranges().empty());
  // A mapping made over the old one is no different.
  ASSERT_EQ(body_.run({Op::map, space_.pages(3000, 10), kReadWrite}), 0u);
  EXPECT_EQ(body_.run({Op::nonzero, space_.pages(3000, 10)}), 0u);
  EXPECT_EQ(sink_->original_ranges().size(), 17u);
}

TEST_F(PageService, PlacesPagesOverTheBordersThatMprotectMakes) {
  const RemoteRange range = space_.pages(0, 1024);
  map_both(range, true);
  ASSERT_EQ(deputy_.run({Op::protect, space_.pages(512, 8), PROT_NONE}), 0u);
  connect();
  for (std::uint64_t page = 0; page < 500; page += 3) {
    ASSERT_EQ(body_.run({Op::protect, space_.pages(page, 1), PROT_READ}), 0u);
  }
  ASSERT_EQ(body_.run({Op::protect, space_.pages(512, 8), PROT_NONE}), 0u);
  sink_->start();
  ASSERT_TRUE(sink_->wait_complete(60s));
  ASSERT_EQ(body_.run({Op::protect, space_.pages(512, 8), PROT_READ}), 0u);
  EXPECT_EQ(body_.run({Op::check, range, 0}), 0u);
}

TEST_F(PageService, ReadsGuardPagesThatWereNeverTouched) {
  const RemoteRange range = space_.pages(0, 64);
  map_both(range, false);
  ASSERT_EQ(deputy_.run({Op::protect, range, PROT_NONE}), 0u);
  connect();
  sink_->start();
  ASSERT_TRUE(sink_->wait_complete(60s));
  EXPECT_EQ(source_->stats().data_pages, 0u);
}

TEST_F(PageService, FilePagesAreReadAtHomeAndZeroIsNeverGuessed) {
  const UniqueFd file(::memfd_create("mapped", MFD_CLOEXEC));
  const std::string words(100 * kPage, 'f');
  ASSERT_EQ(::write(file.get(), words.data(), words.size()), static_cast<ssize_t>(words.size()));
  const RemoteRange range = space_.pages(0, 120);  // 20 pages beyond the end of the file
  // The puppets were made before the file.
  const std::string path =
      "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(file.get());
  Puppet deputy;
  ASSERT_EQ(deputy.run({Op::map_file, range, static_cast<std::uint64_t>(file.get())}), 0u);
  ASSERT_EQ(deputy.run({Op::write, space_.pages(7, 1), 77}), 0u);
  ASSERT_EQ(body_.run({Op::map, range, kReadWrite}), 0u);
  regions_.push_back({range, true});
  source_.emplace(deputy.pid(), regions_);
  auto [demand_a, demand_b] = stream_pair();
  auto [bulk_a, bulk_b] = stream_pair();
  source_->serve(std::make_unique<FrameChannel>(std::move(demand_a)));
  source_->serve(std::make_unique<FrameChannel>(std::move(bulk_a)));
  connect_sink(std::make_unique<FrameChannel>(std::move(demand_b)),
               std::make_unique<FrameChannel>(std::move(bulk_b)), {});
  sink_->start();
  ASSERT_TRUE(sink_->wait_complete(60s));
  std::uint64_t f;
  std::memcpy(&f, words.data(), sizeof f);
  EXPECT_EQ(body_.run({Op::read, space_.pages(0, 1)}), f);
  EXPECT_EQ(body_.run({Op::read, space_.pages(99, 1)}), f);
  EXPECT_EQ(body_.run({Op::read, space_.pages(7, 1)}), 77u);
  EXPECT_TRUE(eventually([&] { return source_->stats().unreadable_pages == 20; }));
  EXPECT_TRUE(sink_->gone_ranges().empty());

  // Beyond the end of the file SIGBUS is due, which only home can give.
  body_.send({Op::read, space_.pages(110, 1)}, 1);
  EXPECT_EQ(home_needed_.get_future().get(), space_.pages(110, 1).begin);
  EXPECT_FALSE(body_.answered(1));
}

TEST_F(PageService, ADroppedFilePageSendsTheProcessHome) {
  const RemoteRange range = space_.pages(0, 16);
  map_both(range, true);
  regions_.back().file_backed = true;
  connect();
  sink_->start();
  ASSERT_TRUE(sink_->wait_complete(60s));
  ASSERT_EQ(body_.run({Op::advise, space_.pages(3, 2), MADV_DONTNEED}), 0u);
  body_.send({Op::read, space_.pages(4, 1)}, 1);
  EXPECT_EQ(home_needed_.get_future().get(), space_.pages(4, 1).begin);
  EXPECT_FALSE(body_.answered(1));
  EXPECT_EQ(sink_->gone_ranges(), RemoteRanges{space_.pages(3, 2)});
}

TEST_F(PageService, LosingTheSourceBlocksTheBodyForGood) {
  const RemoteRange range = space_.pages(0, 5000);
  map_both(range, true);
  connect(on_demand_only());
  sink_->start();
  EXPECT_EQ(body_.run({Op::check, space_.pages(0, 10), 0}), 0u);
  body_.send({Op::check, range, 0}, 0);
  body_.send({Op::scatter, range, 100000, 3}, 1);
  deputy_.kill();
  EXPECT_NE(failed_.get_future().get().find("lost"), std::string::npos);
  EXPECT_NE(sink_->failure(), "");
  EXPECT_FALSE(sink_->wait_complete(60s));
  EXPECT_FALSE(sink_->ensure(range));
  sink_.reset();  // kills the body: without us it might go on
  // If a thread had got past a missing page it would have answered.
  EXPECT_THROW(body_.answer(0), std::runtime_error);
  EXPECT_THROW(body_.answer(1), std::runtime_error);
}

TEST_F(PageService, ASourceThatLiesAboutTheRangeIsRefused) {
  const RemoteRange range = space_.pages(0, 100);
  map_both(range, true);
  auto [demand_a, demand_b] = stream_pair();
  FrameChannel liar(std::move(demand_a));
  connect_sink(std::make_unique<FrameChannel>(std::move(demand_b)), nullptr, on_demand_only());
  sink_->start();
  body_.send({Op::read, space_.pages(10, 1)});
  const PageRequest request = decode_page_request(liar.receive().body);
  EXPECT_EQ(request.range.begin, space_.pages(10, 1).begin);
  PageAnswer answer{range.begin, {{PageRun::Kind::zero, 100}}, {}};
  liar.send(kPageAnswer, encode_head(answer));
  EXPECT_NE(failed_.get_future().get().find("another question"), std::string::npos);
  EXPECT_FALSE(body_.answered());
}

TEST_F(PageService, EnsureMakesMremapSafe) {
  const RemoteRange range = space_.pages(0, 3000);
  map_both(range, true);
  connect(on_demand_only());
  sink_->start();
  const RemoteRange moving = space_.pages(1000, 500);
  EXPECT_THROW(sink_->unregister(moving), std::logic_error);
  ASSERT_TRUE(sink_->ensure(moving));
  EXPECT_EQ(sink_->home_ranges(), (RemoteRanges{space_.pages(0, 1000), space_.pages(1500, 1500)}));
  sink_->unregister(moving);
  const RemoteAddr target = space_.pages(5000, 1).begin;
  ASSERT_EQ(body_.run({Op::move, moving, target.value}), 0u);
  for (const std::uint64_t page : {0, 250, 499}) {
    EXPECT_EQ(body_.run({Op::read, space_.pages(5000 + page, 1)}),
              page_word(space_.pages(1000 + page, 1).begin.value, 0));
  }
  EXPECT_EQ(sink_->original_ranges(),
            (RemoteRanges{space_.pages(0, 1000), space_.pages(1500, 1500)}));
  EXPECT_EQ(body_.run({Op::check, space_.pages(0, 1000), 0}), 0u);
}

TEST_F(PageService, MovingMissingPagesIsAFailureNotZeros) {
  const RemoteRange range = space_.pages(0, 100);
  map_both(range, true);
  connect(on_demand_only());
  sink_->start();
  body_.send({Op::move, range, space_.pages(5000, 1).begin.value});
  EXPECT_NE(failed_.get_future().get().find("moved memory"), std::string::npos);
  body_.send({Op::read, space_.pages(5000, 1)}, 1);
  body_.send({Op::read, space_.pages(5001, 1)}, 0);
  sink_.reset();
  EXPECT_THROW(body_.answer(1), std::runtime_error);
}

TEST_F(PageService, ForkIsAFailureNotZeros) {
  const RemoteRange range = space_.pages(0, 100);
  map_both(range, true);
  connect(on_demand_only());
  sink_->start();
  body_.send({Op::fork, space_.pages(9, 1), page_word(space_.pages(9, 1).begin.value, 0)});
  EXPECT_NE(failed_.get_future().get().find("forked"), std::string::npos);
  sink_.reset();
  EXPECT_THROW(body_.answer(), std::runtime_error);
}

TEST_F(PageService, AStackGrowsIntoFreshPages) {
  const RemoteRange stack = space_.pages(4000, 8);
  ASSERT_EQ(deputy_.run({Op::map, stack, kReadWrite, MAP_GROWSDOWN}), 0u);
  ASSERT_EQ(deputy_.run({Op::fill, stack, 0}), 0u);
  // Room below, or the kernel's guard gap stops the growth.
  ASSERT_EQ(body_.run({Op::unmap, space_.pages(0, 4000)}), 0u);
  ASSERT_EQ(body_.run({Op::map, stack, kReadWrite, MAP_GROWSDOWN}), 0u);
  regions_.push_back({stack, false});
  connect();
  sink_->start();
  ASSERT_TRUE(sink_->wait_complete(60s));
  const RemoteRange fresh = space_.pages(3900, 100);
  EXPECT_EQ(body_.run({Op::write, space_.pages(3900, 1), 5}), 0u);
  EXPECT_EQ(body_.run({Op::nonzero, fresh}), 1u);
  EXPECT_EQ(body_.run({Op::check, stack, 0}), 0u);
  EXPECT_LT(sink_->stats().faults, 40u);  // windows
  EXPECT_EQ(sink_->original_ranges(), RemoteRanges{stack});
}

TEST_F(PageService, FindsExactlyThePagesWrittenAway) {
  const RemoteRange range = space_.pages(0, 1000);
  map_both(range, false);
  deputy_.run({Op::fill, space_.pages(0, 500), 0});
  connect();
  sink_->start();
  ASSERT_TRUE(sink_->wait_complete(60s));
  EXPECT_EQ(body_.run({Op::check, space_.pages(0, 500), 0}), 0u);
  EXPECT_EQ(body_.run({Op::nonzero, space_.pages(500, 100)}), 0u);
  if (!tracks_) GTEST_SKIP() << "this kernel does not track writes";
  EXPECT_TRUE(written(body_.pid(), {range}).empty());
  body_.run({Op::write, space_.pages(3, 1), 1});
  body_.run({Op::write, space_.pages(4, 1), 1});
  body_.run({Op::write, space_.pages(520, 1), 1});
  body_.run({Op::write, space_.pages(990, 1), 1});
  body_.run({Op::advise, space_.pages(7, 1), MADV_DONTNEED});
  EXPECT_EQ(written(body_.pid(), {range}),
            (RemoteRanges{space_.pages(3, 2), space_.pages(520, 1), space_.pages(990, 1)}));
  EXPECT_EQ(sink_->gone_ranges(), RemoteRanges{space_.pages(7, 1)});
}

TEST_F(PageService, OthersReadingTheBodyWaitForItsPages) {
  const RemoteRange range = space_.pages(0, 64);
  map_both(range, true);
  connect(on_demand_only());
  sink_->start();
  std::uint64_t word = 0;
  iovec local{&word, sizeof word};
  iovec remote{reinterpret_cast<void*>(space_.pages(40, 1).begin.value), sizeof word};
  EXPECT_EQ(::process_vm_readv(body_.pid(), &local, 1, &remote, 1, 0), 8);
  EXPECT_EQ(word, page_word(space_.pages(40, 1).begin.value, 0));
}

TEST_F(PageService, TheDeathOfTheBodyIsNoFailure) {
  const RemoteRange range = space_.pages(0, 3000);
  map_both(range, true);
  connect(on_demand_only());
  sink_->start();
  body_.send({Op::check, range, 0});
  body_.kill();
  EXPECT_FALSE(sink_->ensure(range));
  EXPECT_EQ(sink_->failure(), "");
}

TEST_F(PageService, CarriesAGibibyte) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  const RemoteRange range = space_.pages(0, (64 << 20) / kPage);
#else
  const RemoteRange range = space_.pages(0, (1 << 30) / kPage);
#endif
  map_both(range, true);
  connect();
  sink_->start();
  body_.send({Op::scatter, range, 3000, 11}, 1);
  EXPECT_EQ(body_.answer(1), 0u);
  ASSERT_TRUE(sink_->wait_complete(100s));
  source_->stop();
  EXPECT_EQ(body_.run({Op::check, range, 0}), 0u);
}

}  // namespace
}  // namespace starling::migrate
