// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/download.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include "agents/netboot/sha256.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/netboot/file_servers.h"

namespace starling::netboot {
namespace {

using ::testing::HasSubstr;
using Kind = DownloadError::Kind;
namespace fs = std::filesystem;

std::string some_bytes(std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += static_cast<char>(i * 2654435761u >> 13);
  return out;
}

ListedFile listed(const std::string& content) {
  Sha256 hash;
  hash.feed(as_bytes(content));
  return {content.size(), hash.hex()};
}

class DownloadTest : public ::testing::Test {
 protected:
  DownloadTest() {
    write_to(original_, content_);
    limits_.keep_free = 0;
  }
  void get(const Source& source) {
    download(source, "live/initrd", listed_, file_, limits_, stop_,
             [this](std::uint64_t have) { progress_.push_back(have); });
  }
  // What the attempt ends with.
  DownloadError failure(const Source& source) {
    try {
      get(source);
    } catch (const DownloadError& e) {
      return e;
    }
    ADD_FAILURE() << "it worked";
    return {Kind::server, ""};
  }

  TempDir dir_;
  const std::string content_ = some_bytes(700'000);
  const ListedFile listed_ = listed(content_);
  const fs::path original_ = dir_.path() / "original";
  const fs::path file_ = dir_.path() / "cache/live/initrd";
  const fs::path part_ = part_of(file_, listed_);
  DownloadLimits limits_;
  std::atomic<bool> stop_ = false;
  std::vector<std::uint64_t> progress_;
};

TEST_F(DownloadTest, WholeFile) {
  GoodServer server({{"live/initrd", original_}}, "node 1");
  get(server.source);
  EXPECT_EQ(content_of(file_), content_);
  EXPECT_FALSE(fs::exists(part_));
  EXPECT_EQ(progress_.front(), 0u);
  EXPECT_EQ(progress_.back(), content_.size());
}

TEST_F(DownloadTest, ATruncatedAnswerStaysAsAPart) {
  ScriptedServer dies(http_answer(content_.substr(0, 300'000), content_.size()), "node 1");
  const auto e = failure(dies.source);
  EXPECT_EQ(e.kind, Kind::server);
  EXPECT_THAT(e.what(), HasSubstr("node 1: it broke off"));
  EXPECT_FALSE(fs::exists(file_));
  EXPECT_EQ(content_of(part_), content_.substr(0, 300'000));
}

TEST_F(DownloadTest, AnotherServerContinuesWhereOneDied) {
  {
    ScriptedServer dies(http_answer(content_.substr(0, 300'000), content_.size()), "node 1");
    failure(dies.source);
  }
  GoodServer lives({{"live/initrd", original_}}, "node 2");
  get(lives.source);
  EXPECT_EQ(content_of(file_), content_);
  EXPECT_EQ(*std::ranges::find_if(progress_, [](auto n) { return n >= 300'000; }), 300'000u);
  for (int i = 0; i < 100 && lives.transfers().empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ASSERT_EQ(lives.transfers().size(), 1u);
  EXPECT_EQ(lives.transfers()[0].wanted, content_.size() - 300'000);
}

TEST_F(DownloadTest, RestartWithHalfAFileThatIsNotItsHalf) {
  write_to(part_, std::string(300'000, 'x'));
  GoodServer server({{"live/initrd", original_}}, "node 1");
  EXPECT_EQ(failure(server.source).kind, Kind::damaged);
  EXPECT_FALSE(fs::exists(part_)) << "the bad half is kept";
  get(server.source);
  EXPECT_EQ(content_of(file_), content_);
}

TEST_F(DownloadTest, RestartWithAWholePart) {
  write_to(part_, content_);
  get({"127.0.0.1", 1, "nobody"});  // needs no server
  EXPECT_EQ(content_of(file_), content_);
}

TEST_F(DownloadTest, APartTooLongIsThrownAway) {
  write_to(part_, content_ + "more");
  GoodServer server({{"live/initrd", original_}}, "node 1");
  get(server.source);
  EXPECT_EQ(content_of(file_), content_);
}

TEST_F(DownloadTest, AServerWithoutRangesSendsItAll) {
  write_to(part_, content_.substr(0, 1000));
  ScriptedServer server(http_answer(content_, content_.size()), "node 1");
  get(server.source);
  EXPECT_EQ(content_of(file_), content_);
  EXPECT_THAT(server.request(), HasSubstr("Range: bytes=1000-\r\n"));
}

TEST_F(DownloadTest, WrongBytesNeverAppear) {
  auto wrong = content_;
  wrong[12345] ^= 1;
  ScriptedServer server(http_answer(wrong, wrong.size()), "node 1");
  const auto e = failure(server.source);
  EXPECT_EQ(e.kind, Kind::damaged);
  EXPECT_THAT(e.what(), HasSubstr("node 1: its live/initrd has another digest"));
  EXPECT_FALSE(fs::exists(file_));
  EXPECT_FALSE(fs::exists(part_));
}

TEST_F(DownloadTest, NeverMoreThanListed) {
  ScriptedServer longer(http_answer(content_ + "x", content_.size() + 1), "node 1");
  EXPECT_EQ(failure(longer.source).kind, Kind::server);
  ScriptedServer shorter(http_answer("short", 5), "node 1");
  EXPECT_EQ(failure(shorter.source).kind, Kind::damaged);
  ScriptedServer endless("HTTP/1.1 200 OK\r\n\r\n" + content_, "node 1");
  EXPECT_THAT(failure(endless.source).what(), HasSubstr("no length"));
  std::error_code none;
  EXPECT_LE(fs::file_size(part_, none), content_.size());
}

TEST_F(DownloadTest, RefusesAnotherPartThanAskedFor) {
  write_to(part_, content_.substr(0, 1000));
  ScriptedServer server(http_answer(content_.substr(1000), content_.size() - 1000,
                                    "206 Partial Content\r\nContent-Range: bytes 0-9/10"),
                        "node 1");
  EXPECT_THAT(failure(server.source).what(), HasSubstr("another part"));
  EXPECT_EQ(fs::file_size(part_), 1000u);
}

TEST_F(DownloadTest, SaysWhatTheServerSaid) {
  GoodServer server({}, "node 1");
  EXPECT_THAT(failure(server.source).what(), HasSubstr("node 1: status 404"));
  ScriptedServer nonsense("SSH-2.0-nonsense\r\n\r\n", "node 2");
  EXPECT_EQ(failure(nonsense.source).kind, Kind::server);
  EXPECT_EQ(failure({"127.0.0.1", 1, "node 3"}).kind, Kind::server);
  EXPECT_EQ(failure({"not an address", 80, "node 4"}).kind, Kind::server);
}

TEST_F(DownloadTest, ASilentServerIsGivenUp) {
  ScriptedServer silent("", "node 1");
  limits_.stall = std::chrono::milliseconds(50);
  EXPECT_THAT(failure(silent.source).what(), HasSubstr("does not answer"));
}

TEST_F(DownloadTest, AServerThatTricklesIsGivenUp) {
  limits_.start = std::chrono::milliseconds(-1000);
  limits_.slowest = 1ull << 40;
  GoodServer server({{"live/initrd", original_}}, "node 1");
  EXPECT_THAT(failure(server.source).what(), HasSubstr("too slow"));
}

TEST_F(DownloadTest, StopsWhenTold) {
  ScriptedServer silent("", "node 1");
  stop_ = true;
  EXPECT_THROW(get(silent.source), Stopped);
}

TEST_F(DownloadTest, LeavesRoomForOthers) {
  limits_.keep_free = 1ull << 60;
  GoodServer server({{"live/initrd", original_}}, "node 1");
  const auto e = failure(server.source);
  EXPECT_EQ(e.kind, Kind::no_room);
  EXPECT_THAT(e.what(), HasSubstr("no room for 700000 bytes in " + part_.parent_path().native()));
  EXPECT_FALSE(fs::exists(part_));
}

// On a real full disk: a tmpfs of 256 KiB in a mount namespace of this thread alone.
TEST_F(DownloadTest, AFullDisk) {
  GoodServer server({{"live/initrd", original_}}, "node 1");
  const auto small = file_.parent_path();
  fs::create_directories(small);
  bool could = false, full = false;
  std::thread([&] {
    if (::unshare(CLONE_NEWNS) != 0) return;
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
    if (::mount("none", small.c_str(), "tmpfs", 0, "size=256k") != 0) return;
    could = true;
    for (const bool half_there : {false, true}) {
      if (half_there) write_to(part_, content_.substr(0, 100'000));
      full =
          failure(server.source).kind == Kind::no_room && !fs::exists(part_) && !fs::exists(file_);
      if (!full) break;
    }
  }).join();
  if (!could) GTEST_SKIP() << "a mount namespace needs root";
  EXPECT_TRUE(full);
}

TEST_F(DownloadTest, Texts) {
  GoodServer server({{"list", original_}}, "node 1");
  EXPECT_EQ(download_text(server.source, "list", content_.size(), limits_, stop_), content_);
  EXPECT_THROW(download_text(server.source, "list", 1000, limits_, stop_), DownloadError);
  EXPECT_THROW(download_text(server.source, "other", 1000, limits_, stop_), DownloadError);
  ScriptedServer endless("HTTP/1.1 200 OK\r\n\r\n" + content_, "node 1");
  EXPECT_THROW(download_text(endless.source, "list", 1000, limits_, stop_), DownloadError);
}

}  // namespace
}  // namespace starling::netboot
