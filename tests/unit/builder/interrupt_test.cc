// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/interrupt.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "builder/core/mounts.h"
#include "tests/unit/builder/engine_fixture.h"

namespace starling::builder {
namespace {

namespace fs = std::filesystem;

// The interrupt is for the whole process and for ever, so each build runs in a child.
class InterruptTest : public EngineTest {
 protected:
  // Forks a process that builds; exit code as clusterbuild's.
  pid_t start_build() {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    install_interrupt_handlers();
    int code = 0;
    try {
      const CacheLock lock(cache);
      cache.remove_stale();
      build();
    } catch (const Error& e) {
      code = e.exit_code;
    } catch (...) {
      code = 99;
    }
    _exit(code);
  }
  static int exit_code(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  void wait_for(const fs::path& file) {
    while (!fs::exists(file)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  // A stage whose tool runs until it is ended, with something mounted if we may.
  void add_endless() {
    add(
        "endless", {"a"}, nullptr,
        [this](StageContext& c) {
          if (fs::exists(dir / "quick")) return;
          if (geteuid() == 0) {
            fs::create_directory(c.scratch() / "m");
            if (mount("none", (c.scratch() / "m").c_str(), "tmpfs", 0, nullptr) == 0)
              c.mounted(c.scratch() / "m");
          }
          c.command({"sh", "-c",
                     "echo $$ > " + (dir / "pid.new").string() + "; mv " +
                         (dir / "pid.new").string() + " " + (dir / "pid").string() +
                         "; exec sleep 1000"})
              .run();
        },
        true);
  }
};

TEST_F(InterruptTest, EndsToolsUndoesMountsExits130AndResumes) {
  for (const int signal : {SIGINT, SIGTERM}) {
    stages.clear();
    fs::remove(dir / "pid");
    add("a", {});
    add_endless();
    const pid_t builder = start_build();
    wait_for(dir / "pid");
    const pid_t tool = std::stoi(read_text(dir / "pid"));
    kill(builder, signal);
    EXPECT_EQ(exit_code(builder), 130);
    EXPECT_NE(kill(tool, 0), 0) << "the tool outlived the build";
    EXPECT_TRUE(tmp_is_empty());
    EXPECT_TRUE(mounts_below(cache.root()).empty());
  }
  dir.write("quick", "");
  EXPECT_EQ(build(), 1);
  EXPECT_THAT(ran, testing::ElementsAre("endless"));
}

TEST_F(InterruptTest, KilledBuildIsCleanedUpByTheNext) {
  add("a", {});
  add_endless();
  const pid_t builder = start_build();
  wait_for(dir / "pid");
  kill(builder, SIGKILL);
  exit_code(builder);
  EXPECT_FALSE(tmp_is_empty());
  EXPECT_EQ(cache.remove_stale(), 1);
  EXPECT_TRUE(tmp_is_empty());
  EXPECT_TRUE(mounts_below(cache.root()).empty());
  dir.write("quick", "");
  EXPECT_EQ(build(), 1);
}

TEST_F(InterruptTest, SecondBuildOnTheSameCacheIsRefusedUntilTheFirstEnds) {
  add("a", {});
  add_endless();
  const pid_t builder = start_build();
  wait_for(dir / "pid");
  try {
    const CacheLock lock(cache);
    ADD_FAILURE() << "two builds on one cache";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("process " + std::to_string(builder)));
  }
  kill(builder, SIGTERM);
  EXPECT_EQ(exit_code(builder), 130);
  EXPECT_NO_THROW(CacheLock{cache});
}

}  // namespace
}  // namespace starling::builder
