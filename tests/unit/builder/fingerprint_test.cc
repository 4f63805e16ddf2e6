// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/fingerprint.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <chrono>
#include <thread>

#include "builder/core/error.h"
#include "builder/core/stat_cache.h"
#include "tests/unit/temp_dir.h"

namespace starling::builder {
namespace {

namespace fs = std::filesystem;

std::string digest(const fs::path& tree) {
  Fingerprint f;
  f.add_tree("t", tree);
  return f.digest();
}

TEST(FingerprintTest, KnownSha256) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(FingerprintTest, OrderOfAddingDoesNotMatter) {
  Fingerprint a, b;
  a.add("x", "1");
  a.add("y", "2");
  b.add("y", "2");
  b.add("x", "1");
  EXPECT_EQ(a.digest(), b.digest());
}

TEST(FingerprintTest, NameAndValueAreToldApart) {
  Fingerprint a, b;
  a.add("ab", "c");
  b.add("a", "bc");
  EXPECT_NE(a.digest(), b.digest());
}

TEST(FingerprintTest, SameNameTwiceKeepsBoth) {
  Fingerprint a, b;
  a.add("overlay", "1");
  a.add("overlay", "2");
  b.add("overlay", "2");
  EXPECT_EQ(a.components().size(), 2u);
  EXPECT_NE(a.digest(), b.digest());
}

TEST(FingerprintTest, SecretsAreHashedAndTextsReadable) {
  Fingerprint f;
  f.add("suite", "trixie");
  f.add_secret("password", "open sesame");
  EXPECT_EQ(f.components().at("suite"), "=trixie");
  EXPECT_THAT(f.components().at("password"), testing::StartsWith("sha256:"));
}

TEST(FingerprintTest, TreeSeesContentModeNamesAndLinksButNotTimes) {
  TempDir dir;
  dir.write("t/a", "one");
  fs::create_symlink("a", dir / "t/l");
  const auto first = digest(dir / "t");

  fs::last_write_time(dir / "t/a", fs::file_time_type::clock::now() - std::chrono::hours(5));
  EXPECT_EQ(digest(dir / "t"), first);
  dir.write("t/a", "two");
  EXPECT_NE(digest(dir / "t"), first);
  dir.write("t/a", "one");
  EXPECT_EQ(digest(dir / "t"), first);
  chmod((dir / "t/a").c_str(), 0755);
  EXPECT_NE(digest(dir / "t"), first);
  chmod((dir / "t/a").c_str(), 0644);
  fs::create_directory(dir / "t/empty");
  EXPECT_NE(digest(dir / "t"), first);
  fs::remove(dir / "t/empty");
  fs::remove(dir / "t/l");
  fs::create_symlink("b", dir / "t/l");
  EXPECT_NE(digest(dir / "t"), first);
}

TEST(FingerprintTest, MissingTreeIsEmptyAndMissingFileAnError) {
  Fingerprint f;
  f.add_tree("t", "/no/such/tree");
  EXPECT_TRUE(f.components().empty());
  EXPECT_THROW(f.add_file("f", "/no/such/file"), Error);
}

TEST(StatCacheTest, ReadsAnUnchangedFileOnceAndAChangedOneAgain) {
  TempDir dir;
  const auto file = dir.write("f", "one");
  std::this_thread::sleep_for(std::chrono::milliseconds(150));  // the kernel's clock has ticks
  std::string hash;
  {
    StatCache cache(dir / "cache");
    hash = cache.sha256(file);
    EXPECT_EQ(cache.sha256(file), hash);
    EXPECT_EQ(cache.reads(), 1u);
    cache.save();
  }
  StatCache cache(dir / "cache");
  EXPECT_EQ(cache.sha256(file), hash);
  EXPECT_EQ(cache.reads(), 0u);
  // Same size, mtime put back: only ctime gives it away.
  const auto mtime = fs::last_write_time(file);
  dir.write("f", "two");
  fs::last_write_time(file, mtime);
  EXPECT_EQ(cache.sha256(file), sha256_hex("two"));
}

TEST(StatCacheTest, FreshFileIsNotTrusted) {
  TempDir dir;
  StatCache cache(dir / "cache");
  for (int i = 0; i < 50; ++i) {  // same size, faster than the clock's ticks
    const std::string text = std::to_string(100 + i);
    const auto file = dir.write("f", text);
    ASSERT_EQ(cache.sha256(file), sha256_hex(text));
  }
}

TEST(StatCacheTest, DamagedFileCountsAsEmpty) {
  TempDir dir;
  const auto file = dir.write("f", "one");
  for (const char* text : {"", "rubbish", "clusterbuild-stat-cache 1\nshort line\n\n  \n"}) {
    dir.write("cache", text);
    StatCache cache(dir / "cache");
    EXPECT_EQ(cache.sha256(file), sha256_hex("one"));
  }
}

}  // namespace
}  // namespace starling::builder
