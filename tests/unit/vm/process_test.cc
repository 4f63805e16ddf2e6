// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <fstream>
#include <sstream>

#include "builder/core/error.h"
#include "builder/vm/temporary_dir.h"

namespace starling::vm {
namespace {

using namespace std::chrono_literals;

TEST(Process, LogsItsOutputAndGivesItsStatus) {
  const TemporaryDir dir;
  SpawnOptions options;
  options.log = dir.path() / "log";
  Process process({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, options);
  ASSERT_TRUE(process.wait(60s));
  EXPECT_EQ(WEXITSTATUS(*process.ended()), 3);
  std::ostringstream text;
  text << std::ifstream(options.log).rdbuf();
  EXPECT_EQ(text.str(), "out\nerr\n");
}

TEST(Process, EndsWithTheObject) {
  pid_t pid = 0;
  {
    const Process process({"sleep", "1000"}, {});
    pid = process.pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(Process, SaysWhyItCannotStart) {
  try {
    const Process process({"/no/such program"}, {});
    FAIL() << "started";
  } catch (const builder::Error& e) {
    EXPECT_THAT(e.what(), ::testing::HasSubstr("No such file"));
    EXPECT_EQ(e.command, "'/no/such program'");
  }
  SpawnOptions options;
  options.network = "/run/netns/there-is-none-of-this-name";
  EXPECT_THROW(Process({"true"}, options), builder::Error);
}

TEST(RunTool, FailsWithTheToolsOwnWords) {
  EXPECT_EQ(try_tool({"false"}), 1);
  try {
    run_tool({"/bin/sh", "-c", "echo it is broken >&2; exit 2"});
    FAIL() << "no error";
  } catch (const builder::Error& e) {
    EXPECT_THAT(e.what(), ::testing::HasSubstr("status 2: it is broken"));
  }
}

TEST(ShellLine, QuotesForTheShell) {
  EXPECT_EQ(shell_line({"a", "b c", "it's", ""}), "a 'b c' 'it'\\''s' ''");
}

}  // namespace
}  // namespace starling::vm
