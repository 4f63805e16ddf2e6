// SPDX-License-Identifier: GPL-2.0-or-later
// What is written while away goes home while the body runs.
#include "agents/migrate/pre_copy.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cstring>
#include <map>
#include <memory>
#include <optional>

#include "agents/migrate/page_source.h"
#include "agents/migrate/process_maps.h"
#include "agents/migrate/returned_pages.h"
#include "agents/migrate/wire.h"
#include "tests/unit/migrate/puppet.h"

namespace starling::migrate {
namespace {

using namespace std::chrono_literals;
using Op = Puppet::Op;

constexpr std::uint64_t kReadWrite = PROT_READ | PROT_WRITE;

class PreCopyTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kPages = 4096;

  void SetUp() override {
    ASSERT_EQ(deputy_.run({Op::map, range_, kReadWrite}), 0u);
    ASSERT_EQ(body_.run({Op::map, range_, kReadWrite}), 0u);
    deputy_.run({Op::fill, range_, 0});
    source_.emplace(deputy_.pid(), std::vector<PageRegion>{{range_, false}});
    auto [demand_a, demand_b] = stream_pair();
    auto [bulk_a, bulk_b] = stream_pair();
    source_->serve(std::make_unique<FrameChannel>(std::move(demand_a)));
    source_->serve(std::make_unique<FrameChannel>(std::move(bulk_a)));
    Userfaultfd uffd(body_.fetch(body_.run({Op::uffd, {}})));
    uffd.handshake();
    if (!uffd.tracks_writes()) GTEST_SKIP() << "this kernel does not track writes";
    sink_.emplace(std::move(uffd), body_.pid(), std::make_unique<FrameChannel>(std::move(demand_b)),
                  std::make_unique<FrameChannel>(std::move(bulk_b)), PageSink::Callbacks{});
    sink_->add_region(range_, false);
    sink_->start();
    ASSERT_TRUE(sink_->wait_complete(60s));
    auto [control_a, control_b] = stream_pair();
    // As large as the guest makes it: what a step sends fits.
    const int room = 8 << 20;
    ASSERT_EQ(::setsockopt(control_a->fd(), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room), 0);
    guest_.emplace(std::move(control_a));
    home_.emplace(std::move(control_b));
    tracee_.emplace(Tracee::freeze(body_.pid()));
    for (const pid_t tid : tracee_->threads()) tracee_->resume(tid);
  }

  // What came: the first word of each page, the last that came of it.
  void take_all(PreCopy* ahead) {
    while (const auto frame = home_->try_receive()) {
      ASSERT_EQ(frame->type, starling::migrate::kPages);
      std::uint64_t at;
      std::memcpy(&at, frame->body.data(), sizeof at);
      for (std::size_t i = sizeof at; i < frame->body.size(); i += kPage) {
        std::memcpy(&words_[at + i - sizeof at], &frame->body[i], sizeof(std::uint64_t));
      }
      if (ahead) ahead->taken(frame->body.size() - sizeof at);
    }
  }
  void run(PreCopy& ahead) {
    for (int i = 0; i < 100000 && !ahead.done(); ++i) {
      ahead.step();
      take_all(&ahead);
    }
    ASSERT_TRUE(ahead.done());
  }

  ReservedSpace space_{kPages * kPage};
  const RemoteRange range_ = space_.pages(0, kPages);
  Puppet deputy_;
  Puppet body_;
  std::optional<PageSource> source_;
  std::optional<PageSink> sink_;
  std::optional<FrameChannel> guest_;
  std::optional<FrameChannel> home_;
  std::optional<Tracee> tracee_;
  std::map<std::uint64_t, std::uint64_t> words_;
};

TEST_F(PreCopyTest, SendsWhatWasWrittenAndLeavesFewOrNone) {
  const RemoteRange dirty = space_.pages(100, 2000);
  body_.run({Op::fill, dirty, 5});
  PreCopy ahead(*tracee_, *sink_, *guest_);
  run(ahead);
  EXPECT_EQ(words_.size(), 2000u);
  EXPECT_EQ(ahead.sent(), 2000 * kPage);
  for (const auto& [at, word] : words_) ASSERT_EQ(word, page_word(at, 5));
  EXPECT_TRUE(written(body_.pid(), {range_}).empty());
  // What is written afterwards counts as written again.
  body_.run({Op::write, space_.pages(101, 1), 77});
  EXPECT_EQ(written(body_.pid(), {range_}), RemoteRanges{space_.pages(101, 1)});
}

TEST_F(PreCopyTest, MissesNothingOfWhatIsWrittenMeanwhile) {
  body_.run({Op::fill, range_, 1});
  PreCopy ahead(*tracee_, *sink_, *guest_);
  ahead.step();
  body_.send({Op::fill, range_, 2}, 1);
  run(ahead);
  body_.answer(1);
  // What the state would bring when the body has stopped.
  for (const RemoteRange& left : written(body_.pid(), {range_})) {
    for (RemoteAddr at = left.begin; at < left.end; at = at + kPage)
      words_[at.value] = page_word(at.value, 2);
  }
  EXPECT_EQ(words_.size(), kPages);
  for (const auto& [at, word] : words_) ASSERT_EQ(word, page_word(at, 2));
}

TEST_F(PreCopyTest, WaitsForHomeToTakeWhatItSent) {
  body_.run({Op::fill, range_, 5});
  PreCopy ahead(*tracee_, *sink_, *guest_);
  // Somebody must read, or a socket pair is full before the window is.
  while (ahead.ready()) {
    ahead.step();
    take_all(nullptr);
  }
  EXPECT_FALSE(ahead.done());
  const std::uint64_t sent = ahead.sent();
  EXPECT_LT(sent, kPages * kPage);
  ahead.step();
  EXPECT_EQ(ahead.sent(), sent);
  ahead.taken(sent);
  EXPECT_TRUE(ahead.ready());
}

TEST_F(PreCopyTest, PassesOverWhatWasDroppedAndUnmapped) {
  body_.run({Op::fill, range_, 5});
  ASSERT_EQ(body_.run({Op::advise, space_.pages(0, 1000), MADV_DONTNEED}), 0u);
  PreCopy ahead(*tracee_, *sink_, *guest_);
  ASSERT_EQ(body_.run({Op::unmap, space_.pages(3000, 1000)}), 0u);
  run(ahead);
  EXPECT_EQ(words_.size(), kPages - 2000);
  EXPECT_EQ(words_.begin()->first, space_.pages(1000, 1).begin.value);
}

TEST_F(PreCopyTest, HomeKeepsBackWhatACallIsWritingTo) {
  Tracee home = Tracee::freeze(deputy_.pid());
  const RemoteRange buffer = space_.pages(2, 1);
  bool in_call = true;
  ReturnedPages pages(
      home, [&](RemoteRange r) { return in_call && r.begin < buffer.end && buffer.begin < r.end; });
  const auto frame = [&](RemoteRange range, std::uint8_t fill) {
    std::vector<std::uint8_t> body(sizeof(std::uint64_t) + range.size(), fill);
    std::memcpy(body.data(), &range.begin.value, sizeof range.begin.value);
    return body;
  };
  const auto word = [&](std::uint64_t page) {
    return home.peek<std::uint64_t>(space_.pages(page, 1).begin);
  };
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  pages.take(frame(space_.pages(0, 5), 1));
  EXPECT_EQ(word(1), kOnes);
  EXPECT_EQ(word(2), page_word(buffer.begin.value, 0));
  EXPECT_EQ(word(3), kOnes);
  EXPECT_EQ(word(4), kOnes);
  EXPECT_EQ(pages.pages(), 5u);
  pb::ProcessState state;
  auto& vma = *state.add_vmas();
  vma.set_begin(range_.begin.value);
  vma.set_end(range_.end.value);
  pages.settle(state);
  EXPECT_EQ(word(2), kOnes);

  // A newer one that can be written takes the place of what was kept.
  pages.take(frame(buffer, 2));
  in_call = false;
  pages.take(frame(buffer, 3));
  pages.settle(state);
  EXPECT_EQ(word(2), 3 * kOnes);

  // What is no longer part of the process is forgotten.
  in_call = true;
  pages.take(frame(buffer, 4));
  state.add_gone(buffer.begin.value);
  state.add_gone(buffer.end.value);
  pages.settle(state);
  EXPECT_EQ(word(2), 3 * kOnes);

  EXPECT_THROW(pages.take(frame({buffer.begin + 8, buffer.end + 8}, 1)), ProtocolError);
  EXPECT_THROW(pages.take(Bytes(frame(buffer, 1)).first(100)), ProtocolError);
}

}  // namespace
}  // namespace starling::migrate
