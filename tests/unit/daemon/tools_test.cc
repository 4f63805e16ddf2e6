// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <sstream>

#include "agents/tools/move_client.h"
#include "agents/tools/mps_view.h"
#include "agents/tools/node_choice.h"

namespace starling::tools {
namespace {

using nlohmann::json;

json node(unsigned number, double load, int cpus, int speed, bool self = false) {
  return {{"number", number}, {"state", "alive"}, {"load", load},
          {"cpus", cpus},     {"speed", speed},   {"self", self}};
}

TEST(LeastLoaded, TakesTheNodeWithMostToGive) {
  EXPECT_EQ(least_loaded({node(1, 4, 2, 1000, true), node(2, 0, 2, 1000)}), 2u);
  EXPECT_EQ(least_loaded({node(1, 4, 16, 1000, true), node(2, 1, 1, 1000)}), 1u);
  EXPECT_EQ(least_loaded({node(1, 0, 2, 1000, true), node(2, 0, 2, 3000)}), 2u);  // faster
}

TEST(LeastLoaded, StaysAtATie) {
  EXPECT_EQ(least_loaded({node(1, 0, 4, 1000), node(2, 0.5, 4, 1000, true)}), 2u);
  EXPECT_EQ(least_loaded({node(3, 0, 4, 1000), node(2, 0, 4, 1000), node(9, 9, 1, 10, true)}), 2u);
}

TEST(LeastLoaded, PassesOverWhatIsNotKnownOrNotAlive) {
  json dead = node(2, 0, 64, 9000);
  dead["state"] = "dead";
  EXPECT_EQ(least_loaded({dead, node(0, 0, 8, 1000), node(4, 0, 0, 0), node(3, 5, 1, 1000)}), 3u);
  EXPECT_EQ(least_loaded(json::array()), std::nullopt);
}

TEST(ProcessNumber, IsANumberAboveZero) {
  EXPECT_EQ(process_number("4711"), 4711);
  for (const char* bad : {"", "0", "-1", "x", "1x", "99999999999", " 1"}) {
    EXPECT_THROW(process_number(bad), UsageError) << bad;
  }
}

TEST(Mps, JoinsProcessesWithWhatTheDaemonKnows) {
  ProcessInfo here, away;
  here.pid = 10;
  here.comm = "here";
  here.cpu_ticks = 250;
  away.pid = 11;
  away.comm = "bad\x1b[2Jname";
  const json answer = {
      {"self", 4},
      {"locked", {10}},
      {"moved",
       {{{"pid", 11}, {"node", 7}, {"moves", 3}, {"stats", {{"calls_per_second", 12.4}}}},
        {{"pid", 99}, {"node", 7}, {"moves", 1}, {"stats", json::object()}}}}};
  auto rows = mps_rows({here, away}, answer);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_FALSE(rows[0].away);
  EXPECT_TRUE(rows[0].locked);
  EXPECT_EQ(rows[0].node, 4u);
  EXPECT_TRUE(rows[1].away);
  EXPECT_EQ(rows[1].node, 7u);
  EXPECT_EQ(rows[1].moves, 3u);
  rows[0].why_not = "it maps /dev/dri/card0";
  const json list = mps_json(rows, 100);
  EXPECT_EQ(list[0].at("cpu_seconds"), 2.5);
  EXPECT_EQ(list[0].at("why_not"), "it maps /dev/dri/card0");
  EXPECT_EQ(list[1].at("calls_per_second"), 12.4);
  std::ostringstream out;
  print_mps(rows, 100, out);
  EXPECT_NE(out.str().find("/dev/dri/card0"), std::string::npos);
  EXPECT_NE(out.str().find("home"), std::string::npos);
  EXPECT_EQ(out.str().find('\x1b'), std::string::npos);
}

TEST(Mps, RateIsTheDifferenceOfTwoCounts) {
  const json before = {
      {"moved",
       {{{"pid", 1}, {"stats", {{"calls", 100}}}}, {{"pid", 2}, {"stats", {{"calls", 50}}}}}}};
  json after = {{"moved",
                 {{{"pid", 1}, {"stats", {{"calls", 160}}}},
                  {{"pid", 2}, {"stats", {{"calls", 5}}}},  // another process by now
                  {{"pid", 3}, {"stats", json::object()}}}}};
  add_call_rates(before, after, 0.5);
  EXPECT_EQ(after["moved"][0]["stats"]["calls_per_second"], 120.0);
  EXPECT_FALSE(after["moved"][1]["stats"].contains("calls_per_second"));
  EXPECT_FALSE(after["moved"][2]["stats"].contains("calls_per_second"));
}

}  // namespace
}  // namespace starling::tools
