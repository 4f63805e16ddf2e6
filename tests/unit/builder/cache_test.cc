// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/cache.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "builder/core/error.h"
#include "builder/core/fingerprint.h"
#include "tests/unit/temp_dir.h"

namespace starling::builder {
namespace {

namespace fs = std::filesystem;

class CacheTest : public testing::Test {
 protected:
  CacheTest() : cache(dir / "cache") { cache.create(); }
  std::string commit(const std::string& stage, const std::string& input) {
    Fingerprint f;
    f.add("input", input);
    const auto tmp = cache.make_tmp(stage);
    std::ofstream(tmp / "output/file") << input;
    cache.commit(tmp, {stage, f.digest(), 1.5, f.components()});
    fs::remove_all(tmp);
    return f.digest();
  }
  TempDir dir;
  Cache cache;
};

TEST_F(CacheTest, CommitThenLookup) {
  const auto digest = commit("a", "x");
  ASSERT_TRUE(cache.lookup("a", digest));
  EXPECT_EQ(read_text(*cache.lookup("a", digest) / "file"), "x");
  EXPECT_FALSE(cache.lookup("b", digest));
  EXPECT_FALSE(cache.lookup("a", std::string(64, '0')));
  EXPECT_EQ(cache.latest("a")->seconds, 1.5);
  EXPECT_FALSE(cache.latest("b"));
}

TEST_F(CacheTest, OthersCannotRunWhatIsInResults) {
  struct stat st {};
  ASSERT_EQ(stat((cache.root() / "stages").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 077, 0u);
}

TEST_F(CacheTest, CleanTakesNamesOfStagesOnly) {
  commit("a", "x");
  commit("b", "y");
  dir.write("cache/persistent/ccache/f", "z");
  EXPECT_THROW(cache.clean({"../persistent"}, false), Error);
  EXPECT_THROW(cache.clean({".."}, false), Error);
  EXPECT_THROW(cache.clean({"unknown"}, false), Error);
  EXPECT_GT(cache.clean({"a"}, false), 0u);
  EXPECT_FALSE(fs::exists(cache.root() / "stages/a"));
  EXPECT_TRUE(fs::exists(cache.root() / "stages/b"));
  cache.clean({}, false);
  EXPECT_FALSE(fs::exists(cache.root() / "stages"));
  EXPECT_TRUE(fs::exists(cache.root() / "persistent/ccache/f"));
  cache.clean({}, true);
  EXPECT_FALSE(fs::exists(cache.root() / "persistent"));
}

TEST_F(CacheTest, DurationsSurviveAndDamageIsIgnored) {
  EXPECT_LT(cache.last_duration("a"), 0);
  cache.remember_duration("a", 12.5);
  cache.remember_duration("b", 1);
  EXPECT_EQ(cache.last_duration("a"), 12.5);
  dir.write("cache/timings.json", "{\"a\": \"soon\"");
  EXPECT_LT(cache.last_duration("a"), 0);
  cache.remember_duration("a", 3);
  EXPECT_EQ(cache.last_duration("a"), 3);
}

TEST_F(CacheTest, PreviousLogIsPutAside) {
  std::ofstream(cache.fresh_log("a")) << "first";
  std::ofstream(cache.fresh_log("a")) << "second";
  EXPECT_EQ(read_text(cache.log_file("a")), "second");
  EXPECT_EQ(read_text(cache.log_file("a").string() + ".1"), "first");
}

TEST_F(CacheTest, UnusableRootSaysWhatToDo) {
  dir.write("plain", "");
  try {
    Cache(dir / "plain").create();
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.next_step, testing::HasSubstr("--cache-dir"));
  }
}

}  // namespace
}  // namespace starling::builder
