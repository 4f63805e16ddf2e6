// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/command.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>
#include <thread>

#include "builder/core/error.h"
#include "builder/core/interrupt.h"
#include "tests/unit/temp_dir.h"

namespace starling::builder {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(CommandTest, CapturesStandardOutputOnly) {
  EXPECT_EQ(Command({"sh", "-c", "echo out; echo err >&2"}).capture(), "out\n");
}

TEST(CommandTest, GivesInputDirectoryAndEnvironment) {
  TempDir dir;
  EXPECT_EQ(Command({"sh", "-c", "cat; pwd; echo $WORD"})
                .input("first\n")
                .cwd(dir.path())
                .env("WORD", "two words")
                .capture(),
            "first\n" + dir.path().string() + "\ntwo words\n");
}

TEST(CommandTest, HasNoTerminalAndEmptyInput) {
  EXPECT_EQ(Command({"sh", "-c", "cat; (: </dev/tty) 2>/dev/null || echo none"}).capture(),
            "none\n");
}

TEST(CommandTest, FailureTellsStatusLastLinesLogAndReplay) {
  TempDir dir;
  try {
    Command({"sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i; done; exit 3"})
        .log_to(dir / "log")
        .run();
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("sh failed with exit status 3"));
    EXPECT_THAT(e.what(), HasSubstr("line 10"));
    EXPECT_THAT(e.what(), Not(HasSubstr("line 2\n")));
    EXPECT_EQ(e.log, dir / "log");
    EXPECT_EQ(std::system((e.command + " >/dev/null").c_str()) >> 8, 3);
  }
  EXPECT_THAT(read_text(dir / "log"), HasSubstr("+ sh -c"));
  EXPECT_THAT(read_text(dir / "log"), HasSubstr("line 1\n"));
}

TEST(CommandTest, SignalIsToldApartFromStatus) {
  EXPECT_EQ(Command({"sh", "-c", "kill -9 $$"}).status(), 137);
  EXPECT_EQ(Command({"sh", "-c", "exit 7"}).status(), 7);
}

TEST(CommandTest, MissingProgramIsAnErrorEvenForStatus) {
  EXPECT_THROW(Command({"no-such-program-here"}).status(), Error);
  EXPECT_THROW(Command({"/no/such/program"}).status(), Error);
  EXPECT_THROW(Command({"true"}).cwd("/no/such/dir").status(), Error);
}

TEST(CommandTest, ReplayLineSurvivesQuoting) {
  TempDir dir;
  const std::string nasty = "it's $HOME `x` \\ \"q\"\nnext";
  Command c({"printf", "%s", nasty});
  c.cwd(dir.path()).env("A", "b c");
  EXPECT_EQ(Command({"sh", "-c", c.shell_line()}).capture(), nasty);
}

TEST(CommandTest, LinesComeOneByOneAndReturnsCount) {
  std::vector<std::string> lines;
  Command({"printf", "a\\n10%%\\r20%%\\rlast"})
      .on_line([&](std::string_view l) { lines.emplace_back(l); })
      .run();
  EXPECT_THAT(lines, ElementsAre("a", "10%", "20%", "last"));
}

TEST(CommandTest, LargeOutputDoesNotBlock) {
  EXPECT_EQ(Command({"sh", "-c", "head -c 3000000 /dev/zero; head -c 300000 /dev/zero >&2"})
                .capture()
                .size(),
            3000000u);
}

TEST(CommandTest, TimeoutEndsTheWholeGroup) {
  TempDir dir;
  try {
    Command({"sh", "-c", "sleep 1000 & echo $! > pid; wait"})
        .cwd(dir.path())
        .timeout(std::chrono::seconds(1))
        .run();
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("longer than 1 s"));
  }
  const pid_t grandchild = std::stoi(read_text(dir / "pid"));
  // Signalled, but on a busy machine not yet gone; who reaps it decides how long its number stays.
  for (std::string state = "?"; !state.empty() && state.find(") Z") == std::string::npos;) {
    state = read_text("/proc/" + std::to_string(grandchild) + "/stat");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

TEST(CommandTest, BackgroundProcessHoldingThePipeDoesNotHang) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(Command({"sh", "-c", "sleep 30 & echo done"}).capture(), "done\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(CommandTest, CancelTokenEndsItFromAnotherThread) {
  CancelToken token;
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    token.cancel();
  });
  EXPECT_THROW(Command({"sleep", "1000"}).cancel_on(&token).run(), Interrupted);
  later.join();
  EXPECT_THROW(Command({"true"}).cancel_on(&token).run(), Interrupted);
}

TEST(CommandTest, ThrowingCallbackEndsTheProgramAndComesThrough) {
  EXPECT_THROW(Command({"sh", "-c", "echo x; sleep 1000"})
                   .on_line([](std::string_view) { throw std::logic_error("mine"); })
                   .run(),
               std::logic_error);
}

TEST(CommandTest, FindsProgramsOnThePath) {
  EXPECT_TRUE(have_program("sh"));
  EXPECT_FALSE(have_program("no-such-program-here"));
  EXPECT_EQ(find_program("sh", "/nowhere::/bin"), "/bin/sh");
}

}  // namespace
}  // namespace starling::builder
