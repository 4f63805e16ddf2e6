// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/boot_file_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agents/netboot/sha256.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/netboot/file_servers.h"

namespace starling::netboot {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Is = BootFileState::Is;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr const char* kImage = "live/filesystem.squashfs";
constexpr SessionKey kKey = {1, 2, 3};

class BootFileKeeperTest : public ::testing::Test {
 protected:
  BootFileKeeperTest() {
    for (const auto& name : boot_file_names()) {
      const auto file = disc(top_ / "disc", name);
      write_to(file, content(name));
      server_files_[name] = file;
    }
    origin_list_ = list_of_origin();
    write_to(top_ / "served.list", origin_list_);
    server_files_[kBootListName] = top_ / "served.list";
    // What live-boot's fetch= leaves.
    write_to(roots_.medium / kImage, content(kImage));
  }

  static std::string content(const std::string& name) {
    std::string out;
    while (out.size() < 300'000) out += name + std::to_string(out.size());
    return out;
  }
  static fs::path disc(const fs::path& medium, const std::string& name) {
    return name.starts_with("live/") ? medium / name : medium / "netboot" / name;
  }
  BootFileKeeper::Settings settings(bool over_network = true) const {
    BootFileKeeper::Settings s;
    s.roots = roots_;
    s.over_network = over_network;
    s.limits.keep_free = 0;
    return s;
  }
  static BootFileKeeper::Flock flock(std::vector<Source> sources,
                                     const std::string& image = "image1") {
    return {image, kKey, std::move(sources)};
  }
  std::string list_of_origin() const {
    auto s = settings(false);
    s.roots.medium = top_ / "disc";
    BootFileKeeper origin(s);
    origin.set_flock(flock({}));
    origin.round();
    return origin.snapshot().list;
  }
  static BootFileState state(const BootFileKeeper& keeper, const std::string& name) {
    const auto files = keeper.snapshot().files;
    return *std::ranges::find(files, name, &BootFileState::name);
  }
  // Of the names the server was asked for, in order.
  static std::vector<std::string> asked(GoodServer& server) {
    std::vector<std::string> names;
    for (const auto& t : server.transfers()) names.push_back(t.target);
    return names;
  }
  void expect_all_right(const BootFileKeeper& keeper) {
    const auto s = keeper.snapshot();
    EXPECT_THAT(s.missing(), IsEmpty());
    EXPECT_EQ(s.trouble, "");
    ASSERT_EQ(s.ready.size(), boot_file_names().size());
    for (const auto& [name, file] : s.ready) EXPECT_EQ(content_of(file), content(name)) << name;
  }

  TempDir dir_;
  const fs::path top_ = dir_.path();
  const BootRoots roots_{top_ / "loaders", top_ / "medium", top_ / "cache", top_ / "proc",
                         top_ / "sys"};
  FileTable server_files_;
  std::string origin_list_;
};

TEST_F(BootFileKeeperTest, TheOriginServesAtOnceAndSealsWhatItHas) {
  auto s = settings(false);
  s.roots.medium = top_ / "disc";
  BootFileKeeper keeper(s);
  EXPECT_EQ(keeper.snapshot().missing(), boot_file_names()) << "claims what it has not seen";
  EXPECT_EQ(keeper.round(), s.again);
  expect_all_right(keeper);
  EXPECT_EQ(keeper.snapshot().list, "") << "sealed without a key";
  keeper.set_flock(flock({}));
  keeper.round();
  const auto list = BootListSeal(kKey).open(keeper.snapshot().list);
  EXPECT_EQ(list.image, "image1");
  EXPECT_EQ(list.files.size(), boot_file_names().size());
  Sha256 hash;
  hash.feed(as_bytes(content("live/vmlinuz")));
  EXPECT_EQ(list.files.at("live/vmlinuz").sha256, hash.hex());
}

TEST_F(BootFileKeeperTest, ANetbootedNodeFetchesWhatItLacksAndNoMore) {
  GoodServer server(server_files_, "node 1");
  BootFileKeeper keeper(settings());
  keeper.set_flock(flock({server.source}));
  EXPECT_EQ(keeper.round(), settings().again);
  expect_all_right(keeper);
  EXPECT_EQ(keeper.snapshot().ready.at(kImage), roots_.medium / kImage);
  EXPECT_EQ(keeper.snapshot().list, origin_list_);
  for (const auto& name : asked(server)) EXPECT_NE(name, std::string("/") + kImage);
}

TEST_F(BootFileKeeperTest, ServesNothingItCouldNotCheck) {
  GoodServer without_list({{"live/initrd", server_files_["live/initrd"]}}, "node 1");
  BootFileKeeper keeper(settings());
  keeper.set_flock(flock({without_list.source}));
  keeper.round();
  EXPECT_THAT(keeper.snapshot().ready, IsEmpty());
  EXPECT_EQ(keeper.snapshot().missing(), boot_file_names());
  EXPECT_THAT(keeper.snapshot().trouble, HasSubstr("no list of boot files: node 1: status 404"));
}

TEST_F(BootFileKeeperTest, TakesNoListOfStrangersOrOfAnotherImage) {
  write_to(top_ / "served.list", BootListSeal(SessionKey{9}).seal({"image1", {}}));
  GoodServer server(server_files_, "node 1");
  BootFileKeeper keeper(settings());
  keeper.set_flock(flock({server.source}));
  keeper.round();
  EXPECT_THAT(keeper.snapshot().trouble, HasSubstr("not sealed by this flock"));
  write_to(top_ / "served.list", origin_list_);
  keeper.set_flock(flock({server.source}, "image2"));
  keeper.round();
  EXPECT_THAT(keeper.snapshot().trouble, HasSubstr("it has the list of image image1"));
  EXPECT_THAT(keeper.snapshot().ready, IsEmpty());
}

TEST_F(BootFileKeeperTest, SaysWhatItWaitsFor) {
  BootFileKeeper keeper(settings());
  keeper.round();
  EXPECT_THAT(keeper.snapshot().trouble, HasSubstr("starlingd has not yet told"));
  keeper.set_flock(flock({}, ""));
  keeper.round();
  EXPECT_THAT(keeper.snapshot().trouble, HasSubstr("no image"));
  keeper.set_flock(flock({}));
  keeper.round();
  EXPECT_THAT(keeper.snapshot().trouble, HasSubstr("no other node runs image image1"));
}

TEST_F(BootFileKeeperTest, TheServerDiesMidwayAndAnotherContinues) {
  // It has the list, and dies in the middle of the first file it is asked for.
  FileTable only_list = {{kBootListName, server_files_[kBootListName]}};
  GoodServer lists(only_list, "node 1");
  ScriptedServer dies(
      http_answer(content("pxelinux.0").substr(0, 100'000), content("pxelinux.0").size()),
      "node 2");
  BootFileKeeper keeper(settings());
  keeper.set_flock(flock({lists.source, dies.source}));
  keeper.round();
  const auto half = state(keeper, "pxelinux.0");
  EXPECT_EQ(half.is, Is::missing);
  EXPECT_EQ(half.have, 100'000u);
  EXPECT_EQ(half.size, content("pxelinux.0").size());

  GoodServer lives(server_files_, "node 3");
  keeper.set_flock(flock({dies.source, lives.source}));
  keeper.round();
  expect_all_right(keeper);
}

TEST_F(BootFileKeeperTest, WhoSentWrongBytesIsAskedLast) {
  FileTable bad_files = server_files_;
  for (const auto& name : boot_file_names()) {
    auto bytes = content(name);
    bytes[7] ^= 1;
    write_to(top_ / "bad" / name, bytes);
    bad_files[name] = top_ / "bad" / name;
  }
  GoodServer bad(bad_files, "node 1"), good(server_files_, "node 2");
  BootFileKeeper keeper(settings());
  keeper.set_flock(flock({bad.source, good.source}));
  keeper.round();
  expect_all_right(keeper);
  for (int i = 0; i < 100 && asked(good).size() < 5; ++i) std::this_thread::sleep_for(20ms);
  EXPECT_THAT(asked(bad), ElementsAre("/boot-files.list", "/pxelinux.0"));
}

TEST_F(BootFileKeeperTest, ABadHalfIsNotLaidToWhoSentTheRest) {
  const auto list = BootListSeal(kKey).open(origin_list_);
  write_to(part_of(roots_.fetched / "live/initrd", list.files.at("live/initrd")),
           std::string(1000, 'x'));
  GoodServer server(server_files_, "node 1");
  BootFileKeeper keeper(settings());
  keeper.set_flock(flock({server.source}));
  keeper.round();
  expect_all_right(keeper);
}

TEST_F(BootFileKeeperTest, AnImageThatArrivedBrokenIsFetchedAnew) {
  auto broken = content(kImage);
  broken[99] ^= 1;
  write_to(roots_.medium / kImage, broken);
  GoodServer server(server_files_, "node 1");
  BootFileKeeper keeper(settings());
  keeper.set_flock(flock({server.source}));
  keeper.round();
  expect_all_right(keeper);
  EXPECT_EQ(keeper.snapshot().ready.at(kImage), roots_.fetched / kImage);
}

TEST_F(BootFileKeeperTest, AfterARestartItNeedsNobody) {
  {
    GoodServer server(server_files_, "node 1");
    BootFileKeeper keeper(settings());
    keeper.set_flock(flock({server.source}));
    keeper.round();
  }
  BootFileKeeper again(settings());
  again.set_flock(flock({}));
  again.round();
  expect_all_right(again);
}

TEST_F(BootFileKeeperTest, RestartWithHalfAFile) {
  const auto list = BootListSeal(kKey).open(origin_list_);
  const auto file = roots_.fetched / "live/initrd";
  const auto part = part_of(file, list.files.at("live/initrd"));
  write_to(part, content("live/initrd").substr(0, 200'000));
  // And half of an image that was here before.
  const auto old = part_of(file, {1, std::string(64, 'e')});
  write_to(old, "old");
  GoodServer server(server_files_, "node 1");
  BootFileKeeper keeper(settings());
  keeper.set_flock(flock({server.source}));
  keeper.round();
  expect_all_right(keeper);
  EXPECT_FALSE(fs::exists(old));
  EXPECT_FALSE(fs::exists(part));
  for (int i = 0; i < 100 && asked(server).size() < 6; ++i) std::this_thread::sleep_for(20ms);
  for (const auto& t : server.transfers()) {
    if (t.target != "/live/initrd") continue;
    EXPECT_EQ(t.wanted, content("live/initrd").size() - 200'000);
  }
}

TEST_F(BootFileKeeperTest, FindsAgainAndNoticesWhatChanged) {
  BootFileKeeper keeper(settings());
  {
    GoodServer server(server_files_, "node 1");
    keeper.set_flock(flock({server.source}));
    keeper.round();
    expect_all_right(keeper);
  }
  keeper.set_flock(flock({}));
  write_to(roots_.fetched / "live/initrd", content("live/vmlinuz"));  // damaged
  fs::remove(roots_.fetched / "ldlinux.c32");                         // gone
  keeper.round();
  EXPECT_THAT(keeper.snapshot().missing(), ElementsAre("ldlinux.c32", "live/initrd"));
  EXPECT_FALSE(keeper.snapshot().ready.contains("live/initrd"));
  GoodServer server(server_files_, "node 2");
  keeper.set_flock(flock({server.source}));
  keeper.round();
  expect_all_right(keeper);
}

TEST_F(BootFileKeeperTest, ADiscThatIsTakenOutIsReplacedFromOthers) {
  auto s = settings(false);
  s.roots.medium = top_ / "disc2";
  for (const auto& name : boot_file_names()) write_to(disc(s.roots.medium, name), content(name));
  GoodServer server(server_files_, "node 2");
  BootFileKeeper keeper(s);
  keeper.set_flock(flock({server.source}));
  keeper.round();
  expect_all_right(keeper);
  fs::remove_all(s.roots.medium);
  keeper.round();
  expect_all_right(keeper);
  EXPECT_EQ(keeper.snapshot().ready.at(kImage), roots_.fetched / kImage);
}

TEST_F(BootFileKeeperTest, NoRoomIsToldAndNotAskedOfEveryNode) {
  auto s = settings();
  s.limits.keep_free = 1ull << 60;
  GoodServer first(server_files_, "node 1"), second(server_files_, "node 2");
  BootFileKeeper keeper(s);
  keeper.set_flock(flock({first.source, second.source}));
  keeper.round();
  EXPECT_THAT(keeper.snapshot().trouble, HasSubstr("no room for"));
  EXPECT_THAT(keeper.snapshot().ready, ElementsAre(std::pair{kImage, roots_.medium / kImage}));
  EXPECT_THAT(asked(second), IsEmpty());
}

TEST_F(BootFileKeeperTest, WaitsLongerAfterEachFailure) {
  BootFileKeeper keeper(settings());
  const auto s = settings();
  auto longest = s.patience;
  for (int i = 0; i < 40; ++i) {
    const auto pause = keeper.round();
    EXPECT_LE(pause, longest);
    EXPECT_GE(pause, longest * 3 / 4);
    longest = std::min(longest * 2, s.patience_max);
  }
}

TEST_F(BootFileKeeperTest, TheThreadWakesWhenANodeAppears) {
  auto s = settings();
  s.patience = s.patience_max = 1h;
  BootFileKeeper keeper(s);
  keeper.start();
  GoodServer server(server_files_, "node 1");
  keeper.set_flock(flock({server.source}));
  for (int i = 0; i < 1000 && !keeper.snapshot().missing().empty(); ++i)
    std::this_thread::sleep_for(20ms);
  for (int i = 0; i < 100 && !keeper.snapshot().trouble.empty(); ++i)
    std::this_thread::sleep_for(20ms);
  expect_all_right(keeper);
}

}  // namespace
}  // namespace starling::netboot
