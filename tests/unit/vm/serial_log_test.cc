// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/serial_log.h"

#include <gtest/gtest.h>

#include <fstream>

#include "builder/vm/temporary_dir.h"

namespace starling::vm {
namespace {

TEST(PlainText, DropsWhatOnlyATerminalUnderstands) {
  EXPECT_EQ(plain_text("\x1b[2J\x1b[1;31mred\x1b[0m\r\n\r\n\x1b]0;title\atext\x1b]0;t\x1b\\!"),
            "red\ntext!");
  EXPECT_EQ(plain_text("\x1b"), "");
  EXPECT_EQ(plain_text("a\x1b["), "a");
  EXPECT_EQ(plain_text("a\x1b]0;no end"), "a");
}

TEST(LastLines, CountsFromTheEnd) {
  const TemporaryDir dir;
  const auto log = dir.path() / "log";
  EXPECT_EQ(last_lines(log, 3), "");
  std::ofstream(log) << "one\r\ntwo\r\n\r\nthree\r\n";
  EXPECT_EQ(last_lines(log, 1), "three");
  EXPECT_EQ(last_lines(log, 2), "two\nthree");
  EXPECT_EQ(last_lines(log, 9), "one\ntwo\nthree");
  EXPECT_TRUE(log_contains(log, "two"));
  EXPECT_FALSE(log_contains(log, "four"));
}

}  // namespace
}  // namespace starling::vm
