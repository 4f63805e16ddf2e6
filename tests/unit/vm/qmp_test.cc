// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/qmp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder/core/error.h"

namespace starling::vm {
namespace {

TEST(ParseQmp, TellsTheFourKindsApart) {
  const auto greeting = parse_qmp(
      R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"},)"
      R"( "capabilities": ["oob"]}})");
  EXPECT_EQ(greeting.kind, QmpMessage::Kind::greeting);
  EXPECT_EQ(greeting.body["version"]["qemu"]["major"], 7);
  EXPECT_EQ(parse_qmp(R"({"return": {}})").kind, QmpMessage::Kind::reply);
  const auto error = parse_qmp(R"({"error": {"class": "CommandNotFound", "desc": "no such"}})");
  EXPECT_EQ(error.kind, QmpMessage::Kind::error);
  EXPECT_EQ(error.body["desc"], "no such");
  EXPECT_EQ(parse_qmp(R"({"event": "SHUTDOWN", "timestamp": {"seconds": 1}})").kind,
            QmpMessage::Kind::event);
}

TEST(ParseQmp, RefusesWhatIsNotQmp) {
  EXPECT_THROW(parse_qmp(""), builder::Error);
  EXPECT_THROW(parse_qmp("[1]"), builder::Error);
  EXPECT_THROW(parse_qmp("{\"return\": "), builder::Error);
  EXPECT_THROW(parse_qmp("{\"hello\": 1}"), builder::Error);
}

}  // namespace
}  // namespace starling::vm
