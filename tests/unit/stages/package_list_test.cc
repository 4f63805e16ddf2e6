// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/package_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder/core/error.h"

namespace starling::builder {
namespace {

using testing::ElementsAre;

TEST(PackageList, TakesNamesAndLeavesComments) {
  EXPECT_THAT(parse_package_list("# tools\nnano less\n\n  g++  # compiler\n-vim\n", "x"),
              ElementsAre("nano", "less", "g++", "-vim"));
  EXPECT_TRUE(parse_package_list("", "x").empty());
}

TEST(PackageList, NamesFileAndLineOfWhatCannotBeAName) {
  try {
    parse_package_list("nano\nless\nBad_Name\n", "/c/list");
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.file, "/c/list:3");
    EXPECT_NE(std::string(e.what()).find("Bad_Name"), std::string::npos);
  }
}

TEST(PackageList, KnowsNames) {
  for (const char* good : {"g++", "libssl3t64", "0ad", "a.b-c+d"}) EXPECT_TRUE(is_package_name(good)) << good;
  for (const char* bad : {"", "a", "-vim", "Vim", "a_b", "a b", "a;b", "$(reboot)", "+x"})
    EXPECT_FALSE(is_package_name(bad)) << bad;
}

TEST(PackageList, MergesSortsAndTakesOut) {
  EXPECT_THAT(merge_packages({{"nano", "bc"}, {"-nano", "awk", "bc"}}), ElementsAre("awk", "bc"));
  EXPECT_THAT(merge_packages({{"-nano"}, {"nano"}}), ElementsAre());
  EXPECT_EQ(merge_packages({{"x1", "x2"}}), merge_packages({{"x2"}, {"x1"}}));
}

TEST(PackageList, ReadsAptsComplaints) {
  EXPECT_EQ(unknown_package("E: Unable to locate package frobnicate"), "frobnicate");
  EXPECT_EQ(unknown_package("E: Package 'oldthing' has no installation candidate"), "oldthing");
  EXPECT_EQ(unknown_package("E: Couldn't find any package by regex 'a.b'"), "a.b");
  EXPECT_EQ(unknown_package("E: Couldn't find these debs: nosuch more"), "nosuch");
  for (const char* other : {"", "Setting up nano (8.4-1) ...", "E: Unable to fetch some archives",
                            "' has no installation candidate"})
    EXPECT_FALSE(unknown_package(other)) << other;
}

TEST(PackageList, ReadsDpkgsMissingDependencies) {
  EXPECT_THAT(missing_dependencies(
                  "dpkg: dependency problems prevent configuration of starling:\n"
                  " starling depends on libmnl0; however:\n  Package libmnl0 is not installed.\n"
                  " starling depends on libfoo (>= 2); however:\n  Package libfoo is not installed.\n"),
              ElementsAre("libfoo", "libmnl0"));
  EXPECT_TRUE(missing_dependencies("Setting up starling (0.1.0) ...\n").empty());
}

}  // namespace
}  // namespace starling::builder
