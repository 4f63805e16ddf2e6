// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "builder/core/interrupt.h"
#include "builder/core/mounts.h"
#include "tests/unit/builder/engine_fixture.h"

namespace starling::builder {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

TEST_F(EngineTest, RunsWhatIsNeededOnceAndNothingTheSecondTime) {
  add("a", {});
  add("b", {"a"});
  add("unwanted", {});
  add("c", {"b", "a"}, true);
  EXPECT_EQ(build(), 3);
  EXPECT_THAT(ran, ElementsAre("a", "b", "c"));
  EXPECT_EQ(read_text(outputs.at(0).second / "file"), "c+b+a+a");
  EXPECT_EQ(build(), 0);
  EXPECT_TRUE(tmp_is_empty());
}

TEST_F(EngineTest, ChangedInputRunsItAndWhatNeedsItAndNothingElse) {
  add("a", {});
  add("b", {});
  add("c", {"a", "b"}, true);
  build();
  dir.write("source/b", "B");
  EXPECT_EQ(build(), 2);
  EXPECT_THAT(ran, ElementsAre("b", "c"));
  EXPECT_EQ(read_text(outputs.at(0).second / "file"), "c+a+B");
  EXPECT_THAT(status.events, Contains("explain b: source/b changed"));
  EXPECT_THAT(status.events, Contains("explain c: stage b changed"));
}

TEST_F(EngineTest, GoingBackToOldInputsFindsTheOldResult) {
  add("a", {}, true);
  build();
  dir.write("source/a", "other");
  build();
  dir.write("source/a", "a");
  EXPECT_EQ(build(), 0);
  EXPECT_EQ(read_text(outputs.at(0).second / "file"), "a");
}

TEST_F(EngineTest, PlanExplainsAndChangesNothing) {
  add("a", {});
  add("b", {"a"}, true);
  auto p = plan();
  ASSERT_EQ(p.size(), 2u);
  EXPECT_THAT(p[0].reasons, ElementsAre("it has never run with this cache"));
  build();
  EXPECT_TRUE(plan()[0].cached);
  EXPECT_GE(plan()[0].estimate, 0);
  dir.write("source/a", "x");
  p = plan();
  EXPECT_FALSE(p[0].cached);
  EXPECT_THAT(p[0].reasons, ElementsAre("source/a changed"));
  EXPECT_THAT(p[1].reasons, ElementsAre("stage a changed"));
  EXPECT_THAT(ran, ElementsAre("a", "b"));
}

TEST_F(EngineTest, AResultThatNobodyReadsAnyMoreIsNotMadeAgain) {
  add("source", {});
  add("kernel", {"source"});
  add("image", {"kernel"}, true);
  EXPECT_EQ(build(), 3);
  std::filesystem::remove_all(cache.root() / "stages/source");
  dir.write("source/image", "other");
  const auto p = plan();
  EXPECT_FALSE(p[0].cached);
  EXPECT_FALSE(p[0].wanted);
  EXPECT_TRUE(p[0].reasons.empty());
  EXPECT_TRUE(p[2].wanted);
  EXPECT_EQ(build(), 1);
  EXPECT_THAT(ran, ElementsAre("image"));
  dir.write("source/kernel", "other");
  build();
  EXPECT_THAT(ran, ElementsAre("source", "kernel", "image"));
}

TEST_F(EngineTest, FailureNamesStageAndLogKeepsWhatSucceededAndResumes) {
  bool broken = true;
  add("a", {});
  add("b", {"a"}, nullptr, [&](StageContext& c) {
    std::ofstream(c.output() / "half") << "x";
    if (broken) c.command({"sh", "-c", "echo the reason; exit 4"}).run();
  });
  add(
      "c", {"b"}, nullptr, [](StageContext&) {}, true);
  try {
    build();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.stage, "b");
    EXPECT_THAT(e.what(), HasSubstr("the reason"));
    EXPECT_THAT(e.command, HasSubstr("exit 4"));
    EXPECT_THAT(read_text(e.log), HasSubstr("the reason\n"));
    EXPECT_EQ(e.exit_code, 1);
  }
  EXPECT_TRUE(tmp_is_empty());
  broken = false;
  EXPECT_EQ(build(), 2);
  EXPECT_THAT(ran, ElementsAre("b", "c"));
}

TEST_F(EngineTest, FailureStopsTheStageBesideIt) {
  std::atomic<bool> started = false;
  add(
      "slow", {}, nullptr,
      [&](StageContext& c) {
        started = true;
        c.command({"sleep", "1000"}).run();
      },
      true);
  add(
      "bad", {}, nullptr,
      [&](StageContext&) {
        while (!started) std::this_thread::yield();
        throw Error("broken on purpose");
      },
      true);
  try {
    build();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.stage, "bad");
  }
  EXPECT_THAT(status.events, Contains("failed slow"));
  EXPECT_TRUE(tmp_is_empty());
}

TEST_F(EngineTest, IndependentStagesRunSideBySide) {
  // Each waits until the other has started: one after the other, this would not end.
  std::atomic<int> inside = 0;
  auto meet = [&](StageContext&) {
    ++inside;
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (inside < 2) {
      if (std::chrono::steady_clock::now() > limit) throw Error("alone");
      std::this_thread::yield();
    }
  };
  add("a", {}, nullptr, meet, true);
  add("b", {}, nullptr, meet, true);
  EXPECT_EQ(build(), 2);
}

TEST_F(EngineTest, OneAtATimeWhenAskedFor) {
  config.parallel_stages = 1;
  std::atomic<int> inside = 0;
  auto alone = [&](StageContext&) {
    EXPECT_EQ(++inside, 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    --inside;
  };
  for (const char* name : {"a", "b", "c"}) add(name, {}, nullptr, alone, true);
  EXPECT_EQ(build(), 3);
}

TEST_F(EngineTest, InputEditedWhileItRunsIsBuiltAgain) {
  int runs = 0;
  const auto source = dir.write("source/a", "first");
  add(
      "a", {}, [&](Fingerprint& f) { f.add_file("source/a", source); },
      [&](StageContext& c) {
        std::ofstream(c.output() / "file") << read_text(source);
        if (++runs == 1) dir.write("source/a", "second edition");
      },
      true);
  EXPECT_EQ(build(), 1);
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(read_text(outputs.at(0).second / "file"), "second edition");
  dir.write("source/a", "first");
  build();
  EXPECT_EQ(runs, 3) << "the mixed result must not have been kept under the old key";
}

TEST_F(EngineTest, InputThatNeverStandsStillIsAnError) {
  int runs = 0;
  add(
      "a", {}, [&](Fingerprint& f) { f.add("count", std::to_string(runs)); },
      [&](StageContext&) { ++runs; }, true);
  try {
    build();
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("keep changing"));
    EXPECT_THAT(e.what(), HasSubstr("count changed from"));
  }
  EXPECT_TRUE(tmp_is_empty());
}

TEST_F(EngineTest, FailingOnInputsThatChangedMeanwhileItRunsAgain) {
  dir.write("source/a", "old");
  const auto source = dir / "source/a";
  int tries = 0;
  add(
      "a", {}, [source](Fingerprint& f) { f.add_file("source/a", source); },
      [&](StageContext&) {
        if (++tries > 1) return;
        dir.write("source/a", "new and longer");
        throw Error("half of it is missing");
      },
      true);
  EXPECT_EQ(build(), 1);
  EXPECT_EQ(tries, 2);
  EXPECT_THAT(status.events, Contains("note a runs again: source/a changed while it ran"));
}

TEST_F(EngineTest, InputMadeByAnEarlierStageIsSeen) {
  const auto made = dir / "made";
  add("maker", {}, nullptr, [&](StageContext&) { std::ofstream(made) << "new"; });
  add(
      "user", {"maker"},
      [&](Fingerprint& f) {
        f.add_tree("made", dir / "made-dir");
        f.add("made", read_text(made));
      },
      [](StageContext&) {}, true);
  EXPECT_EQ(build(), 2);
  EXPECT_EQ(build(), 0) << "the key must be that of the inputs at the run, not at the plan";
}

TEST_F(EngineTest, DamagedRecordRunsTheStageAgain) {
  add("a", {}, true);
  build();
  const auto record = outputs.at(0).second.parent_path() / "record.json";
  const std::string good = read_text(record);
  std::string edited = good;
  edited.replace(edited.find("file 0"), 6, "file 1");
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("{\"stage\":1}"), edited}) {
    std::ofstream(record) << text;
    EXPECT_EQ(build(), 1) << text;
    EXPECT_EQ(read_text(outputs.at(0).second / "file"), "a");
  }
  fs::remove_all(outputs.at(0).second);
  EXPECT_EQ(build(), 1);
}

TEST_F(EngineTest, OldResultsArePruned) {
  config.cache_keep = 2;
  add("a", {}, true);
  for (const char* text : {"1", "2", "3", "4"}) {
    dir.write("source/a", text);
    build();
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(cache.root() / "stages/a"), {}), 2);
  dir.write("source/a", "3");
  EXPECT_EQ(build(), 0);
  EXPECT_TRUE(tmp_is_empty());
}

TEST_F(EngineTest, ReadingAResultWithoutNeedingItIsAnError) {
  add("a", {}, true);
  add(
      "b", {}, nullptr, [](StageContext& c) { c.result_of("a"); }, true);
  config.parallel_stages = 1;
  EXPECT_THROW(build(), Error);
}

TEST_F(EngineTest, CommandsGetTheSameSurroundingsEverywhere) {
  std::string seen;
  add(
      "a", {}, nullptr,
      [&](StageContext& c) {
        seen = c.command({"sh", "-c", "echo $LC_ALL $TZ $SOURCE_DATE_EPOCH"}).capture();
      },
      true);
  build();
  EXPECT_EQ(seen, "C.UTF-8 UTC 1000\n");
}

TEST_F(EngineTest, EstimateCountsStagesSideBySideOnce) {
  class Estimate : public Status {
   public:
    void planned(int, int, double seconds) override { estimate = seconds; }
    double estimate = -2;
  } seen;
  add("download", {});
  add("compile", {});
  add("join", {"download", "compile"}, true);
  Engine(config, stages, cache, seen).build();
  EXPECT_LT(seen.estimate, 0) << "nothing is known before the first run";
  cache.remember_duration("download", 100);
  cache.remember_duration("compile", 60);
  cache.remember_duration("join", 10);
  config.source_date_epoch = 2000;
  Engine(config, stages, cache, seen).build();
  EXPECT_EQ(seen.estimate, 110);
  for (const char* name : {"download", "compile", "join"}) cache.remember_duration(name, 10);
  config.source_date_epoch = 3000;
  config.parallel_stages = 1;
  Engine(config, stages, cache, seen).build();
  EXPECT_EQ(seen.estimate, 30);
}

TEST_F(EngineTest, DateIsPartOfTheKey) {
  add("a", {}, true);
  build();
  config.source_date_epoch = 2000;
  EXPECT_EQ(build(), 1);
}

TEST_F(EngineTest, MountsAndProcessesOfAFailedStageAreUndone) {
  if (geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  fs::path where;
  add(
      "a", {}, nullptr,
      [&](StageContext& c) {
        where = c.scratch() / "mnt";
        fs::create_directories(where);
        ASSERT_EQ(mount("none", where.c_str(), "tmpfs", 0, nullptr), 0);
        fs::create_directories(where / "sub");
        ASSERT_EQ(mount("none", (where / "sub").c_str(), "tmpfs", 0, nullptr), 0);
        // A service that holds the mount busy and left the stage's process group.
        c.command({"sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & sleep 0.2"})
            .cwd(where / "sub")
            .run();
        throw Error("broken on purpose");
      },
      true);
  EXPECT_THROW(build(), Error);
  EXPECT_TRUE(mounts_below(cache.root()).empty());
  EXPECT_TRUE(tmp_is_empty());
}

TEST_F(EngineTest, FullDiskIsSaidClearlyAndTheCacheStaysCorrect) {
  if (geteuid() != 0) GTEST_SKIP() << "a small tmpfs needs root";
  const auto small = dir / "small";
  fs::create_directory(small);
  ASSERT_EQ(mount("none", small.c_str(), "tmpfs", 0, "size=6m"), 0);
  config.cache_dir = small;
  cache = Cache(small);
  cache.create();
  std::uintmax_t size = 1 << 20;
  add("a", {}, true);
  add(
      "big", {"a"}, nullptr,
      [&](StageContext& c) {
        c.command({"dd", "if=/dev/zero", "of=" + (c.output() / "file").string(), "bs=64k",
                   "count=" + std::to_string(size / 65536)})
            .run();
      },
      true);
  size = 32 << 20;
  try {
    build();
    ADD_FAILURE() << "32 MiB fit into 6 MiB";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("the disk is full"));
    EXPECT_EQ(e.stage, "big");
    EXPECT_FALSE(e.command.empty());
    EXPECT_THAT(e.next_step, HasSubstr("clean"));
  }
  EXPECT_TRUE(tmp_is_empty());
  size = 1 << 20;
  EXPECT_EQ(build(), 1);
  umount2(small.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace starling::builder
