// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/body_cgroup.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <system_error>

#include "agents/common/small_file.h"
#include "tests/unit/temp_dir.h"

namespace starling::migrate {
namespace {

namespace fs = std::filesystem;

void put(const fs::path& file, const std::string& text) {
  std::ofstream(file) << text;
}

TEST(BodyCgroup, SaysWhichFileIsMissing) {
  TempDir dir;
  try {
    BodyCgroup group(dir.path(), 1 << 20);
    FAIL() << "a directory is no control group";
  } catch (const std::system_error& e) {
    EXPECT_NE(std::string(e.what()).find("cgroup.subtree_control"), std::string::npos) << e.what();
  }
  EXPECT_TRUE(fs::is_empty(dir.path()));
}

TEST(BodyCgroup, ReadsWhatTheKernelTells) {
  TempDir dir;
  const fs::path group_dir = dir.path() / ("guest-" + std::to_string(::getpid()));
  fs::create_directory(group_dir);
  put(dir.path() / "cgroup.subtree_control", "");
  for (const char* file : {"memory.max", "memory.high", "memory.oom.group", "cgroup.procs"})
    put(group_dir / file, "");
  // Left by a helper that was killed; no process has that number.
  fs::create_directory(dir.path() / "guest-2147483646");
  {
    BodyCgroup group(dir.path(), 64 << 20);
    EXPECT_FALSE(fs::exists(dir.path() / "guest-2147483646"));
    EXPECT_EQ(read_small_file(dir.path() / "cgroup.subtree_control"), "+memory");
    EXPECT_EQ(read_small_file(group_dir / "memory.max"), "67108864");
    EXPECT_EQ(read_small_file(group_dir / "memory.high"), "58720256");
    group.add(4711);
    EXPECT_EQ(read_small_file(group_dir / "cgroup.procs"), "4711");
    put(group_dir / "memory.current", "58720255\n");
    put(group_dir / "memory.events", "low 0\nhigh 0\nmax 9\noom 9\noom_kill 0\n");
    EXPECT_FALSE(group.pressed());
    EXPECT_FALSE(group.killed());
    put(group_dir / "memory.current", "58720256\n");
    EXPECT_TRUE(group.pressed());
    put(group_dir / "memory.current", "0\n");
    put(group_dir / "memory.events", "low 0\nhigh 2\nmax 0\noom 0\noom_kill 1\n");
    EXPECT_TRUE(group.pressed());
    EXPECT_TRUE(group.killed());
  }
}

// With the kernel itself, where version 2 has the memory controller.
TEST(BodyCgroup, TheKernelKillsWhatGrowsTooLarge) {
  const fs::path root = "/sys/fs/cgroup";
  const auto controllers = read_small_file(root / "cgroup.controllers").value_or("");
  const fs::path base = root / ("starling-test-" + std::to_string(::getpid()));
  std::error_code error;
  if (controllers.find("memory") == std::string::npos || ::geteuid() != 0 ||
      !fs::create_directory(base, error)) {
    GTEST_SKIP() << "needs root and cgroup version 2 with the memory controller";
  }
  {
    BodyCgroup group(base, 64 << 20);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::raise(SIGSTOP);
      for (int i = 0; i < 256; ++i) {
        void* more =
            ::mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        std::memset(more, 1, 1 << 20);
      }
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
    group.add(child);
    ::kill(child, SIGCONT);
    bool pressed = false;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      pressed = pressed || group.pressed();
      ::usleep(10'000);
      // It is slowed down as long as it is not taken away: lift what slows it.
      if (pressed) put(group.path() / "memory.high", "max");
    }
    EXPECT_TRUE(pressed);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    EXPECT_TRUE(group.killed());
  }
  EXPECT_TRUE(fs::is_empty(base) || !fs::exists(base / ("guest-" + std::to_string(::getpid()))));
  ::rmdir(base.c_str());
}

}  // namespace
}  // namespace starling::migrate
