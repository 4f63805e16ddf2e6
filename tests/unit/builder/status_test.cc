// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/status.h"

#include <gmock/gmock.h>

#include <sstream>

namespace starling::builder {
namespace {

// Two stages, one of them beside the other, then a failure: every event once.
void play(Status& s, double& clock) {
  s.explain("kernel", {"patch:0001.patch changed", "suite changed from `a' to `b'"});
  s.planned(2, 5, 75);
  s.started({"kernel", "compile the kernel", 1, 2, 60});
  clock = 3;
  s.started({"rootfs", "unpack packages", 2, 2, -1});
  s.progress("kernel", "CC fork.o", 0.25);
  s.output("kernel", "a line of make");
  clock = 12;
  s.tick();
  s.finished("kernel", 12);
  s.note("something to know");
  s.published("out/x.iso");
  s.failed("rootfs", "no network", 9);
  s.done(false, 1, 12);
}

TEST(StatusTest, PlainGolden) {
  double clock = 0;
  std::ostringstream out;
  const auto s = plain_status(out, {.explain = true, .verbose = true}, [&] { return clock; });
  play(*s, clock);
  EXPECT_EQ(out.str(),
            "kernel runs because\n"
            "    patch:0001.patch changed\n"
            "    suite changed from `a' to `b'\n"
            "2 stages to run, 5 in the cache, about 1:15\n"
            "[1/2] kernel: compile the kernel (about 1:00)\n"
            "[2/2] rootfs: unpack packages\n"
            "[1/2] kernel: CC fork.o\n"
            "  kernel| a line of make\n"
            "[1/2] kernel done in 0:12\n"
            "note: something to know\n"
            "wrote out/x.iso\n"
            "[2/2] rootfs FAILED after 0:09\n");
}

TEST(StatusTest, TerminalGolden) {
  double clock = 0;
  std::ostringstream out;
  const auto s = terminal_status(
      out, {}, [&] { return clock; }, 60);
  play(*s, clock);
  const std::string clear = "\r\033[K";
  EXPECT_EQ(out.str(), "2 stages to run, 5 in the cache, about 1:15\n" + clear +
                           "[1/2] kernel 0:00 of ~1:00" + clear +
                           "[2/2] kernel 0:03 of ~1:00 | rootfs 0:00" + clear +
                           "[2/2] kernel: CC fork.o 25% 0:03 of ~1:00 | rootfs 0:00" + clear +
                           "[2/2] kernel: CC fork.o 25% 0:12 of ~1:00 | rootfs 0:09" + clear +
                           "[1/2] kernel done in 0:12\n"
                           "note: something to know\n"
                           "wrote out/x.iso\n"
                           "[2/2] rootfs FAILED after 0:09\n");
}

TEST(StatusTest, TerminalCutsAtTheWidthAndNotInsideACharacter) {
  std::ostringstream out;
  const auto s = terminal_status(
      out, {}, [] { return 0.0; }, 30);
  s->started({"x", "p", 1, 1, -1});
  out.str("");
  s->progress("x", "aaaaaaaaaaaaaaaaaa\xc3\xa4\xc3\xa4\xc3\xa4", -1);
  EXPECT_EQ(out.str(), "\r\033[K[1/1] x: aaaaaaaaaaaaaaaaaa\xc3\xa4");
}

TEST(StatusTest, JsonGolden) {
  double clock = 0;
  std::ostringstream out;
  const auto s = json_status(out, {}, [&] { return clock; });
  play(*s, clock);
  EXPECT_EQ(
      out.str(),
      R"({"event":"explain","reasons":["patch:0001.patch changed","suite changed from `a' to `b'"],"stage":"kernel","time":0.0}
{"cached":5,"estimate":75.0,"event":"planned","time":0.0,"to_run":2}
{"estimate":60.0,"event":"started","number":1,"purpose":"compile the kernel","stage":"kernel","time":0.0,"total":2}
{"estimate":null,"event":"started","number":2,"purpose":"unpack packages","stage":"rootfs","time":3.0,"total":2}
{"done":0.25,"event":"progress","stage":"kernel","time":3.0,"what":"CC fork.o"}
{"event":"finished","seconds":12.0,"stage":"kernel","time":12.0}
{"event":"note","text":"something to know","time":12.0}
{"event":"published","file":"out/x.iso","time":12.0}
{"cause":"no network","event":"failed","seconds":9.0,"stage":"rootfs","time":12.0}
{"event":"done","ok":false,"ran":1,"seconds":12.0,"time":12.0}
)");
}

TEST(StatusTest, JsonTakesAnyBytes) {
  std::ostringstream out;
  json_status(out, {}, [] { return 0.0; })->note("bad \xff byte");
  EXPECT_THAT(out.str(), testing::HasSubstr("bad \xef\xbf\xbd byte"));
}

TEST(StatusTest, QuietSaysNothing) {
  double clock = 0;
  std::ostringstream out;
  const auto s = terminal_status(
      out, {.quiet = true}, [&] { return clock; }, 60);
  play(*s, clock);
  s->done(true, 0, 1);
  EXPECT_EQ(out.str(), "");
}

TEST(StatusTest, StoppedIsNotFailed) {
  std::ostringstream out;
  const auto s = plain_status(out, {}, [] { return 0.0; });
  s->started({"a", "p", 1, 1, -1});
  s->failed("a", "interrupted", 5);
  EXPECT_EQ(out.str(), "[1/1] a: p\n[1/1] a stopped after 0:05\n");
}

TEST(StatusTest, NothingToDo) {
  std::ostringstream out;
  const auto s = plain_status(out, {}, [] { return 0.0; });
  s->planned(0, 7, 0);
  s->done(true, 0, 0.2);
  EXPECT_EQ(out.str(), "nothing to do (0:00)\n");
}

TEST(StatusTest, ClockText) {
  EXPECT_EQ(clock_text(7), "0:07");
  EXPECT_EQ(clock_text(754.4), "12:34");
  EXPECT_EQ(clock_text(3723), "1:02:03");
}

}  // namespace
}  // namespace starling::builder
