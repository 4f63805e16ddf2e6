// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/tools/table.h"

#include <gtest/gtest.h>

#include <sstream>

namespace starling::tools {
namespace {

TEST(Table, ColumnsLineUp) {
  Table t;
  t.column("N", Table::Align::kRight);
  t.column("HOST");
  t.column("X");
  t.row({"1", "west", "a"});
  t.row({"12", "östlich", "b"});
  t.row({"3"});
  std::ostringstream out;
  t.print(out);
  EXPECT_EQ(out.str(),
            " N  HOST     X\n"
            " 1  west     a\n"
            "12  östlich  b\n"
            " 3\n");
}

TEST(Table, Bytes) {
  EXPECT_EQ(human_bytes(0), "0B");
  EXPECT_EQ(human_bytes(999), "999B");
  EXPECT_EQ(human_bytes(1024), "1.0K");
  EXPECT_EQ(human_bytes(1536ull << 20), "1.5G");
  EXPECT_EQ(human_bytes(512ull << 20), "512M");
}

TEST(Table, Seconds) {
  EXPECT_EQ(human_seconds(0.24), "0.2s");
  EXPECT_EQ(human_seconds(-1), "0.0s");
  EXPECT_EQ(human_seconds(12.3), "12s");
  EXPECT_EQ(human_seconds(184), "3m04s");
  EXPECT_EQ(human_seconds(7500), "2h05m");
  EXPECT_EQ(human_seconds(4 * 86400 + 3 * 3600), "4d03h");
}

TEST(Table, NothingFromTheWireControlsTheTerminal) {
  EXPECT_EQ(printable("a\x1b[2J\n"), "a?[2J?");
}

}  // namespace
}  // namespace starling::tools
