// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/kernel_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder/core/error.h"

namespace starling::builder {
namespace {

using testing::HasSubstr;

std::vector<KernelOption> parse(const std::string& text) {
  return parse_kernel_fragment(text, "/f/my.config");
}

TEST(KernelFragment, ReadsValuesAndOffWithTheirLines) {
  const auto options = parse(
      "# a comment that is not set up as an option\n"
      "CONFIG_A=y\n"
      "\n"
      "# CONFIG_B is not set\n"
      "CONFIG_NAME=\"a b=c\"  \r\n"
      "CONFIG_HZ=250");
  ASSERT_EQ(options.size(), 4u);
  EXPECT_EQ(options[0].name, "CONFIG_A");
  EXPECT_EQ(options[0].value, "y");
  EXPECT_EQ(options[0].line, 2);
  EXPECT_EQ(options[1].name, "CONFIG_B");
  EXPECT_EQ(options[1].value, "n");
  EXPECT_EQ(options[1].line, 4);
  EXPECT_EQ(options[2].value, "\"a b=c\"");
  EXPECT_EQ(options[3].value, "250");
  EXPECT_EQ(options[3].file, "/f/my.config");
}

TEST(KernelFragment, RefusesWhatMergeConfigWouldPassOver) {
  for (const char* bad : {"HPC=y", "CONFIG_A", "CONFIG_A=", "CONFIG_A B=y", "set CONFIG_A=y",
                          "CONFIG_=y", "=y"}) {
    try {
      parse(std::string("CONFIG_OK=y\n") + bad + "\n");
      ADD_FAILURE() << "accepted: " << bad;
    } catch (const Error& e) {
      EXPECT_EQ(e.file, "/f/my.config:2") << bad;
      EXPECT_THAT(e.what(), HasSubstr(bad));
    }
  }
}

TEST(LostOptions, NamesWhatDidNotSurvive) {
  const auto asked = parse("CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=y\n# CONFIG_D is not set\n");
  const auto lost = lost_kernel_options(asked, "CONFIG_A=y\nCONFIG_B=y\nCONFIG_D=m\n");
  ASSERT_EQ(lost.size(), 3u);
  EXPECT_EQ(lost[0].name, "CONFIG_B");
  EXPECT_EQ(lost[0].line, 2);
  EXPECT_EQ(lost[1].name, "CONFIG_C");
  EXPECT_EQ(lost[2].name, "CONFIG_D");
}

TEST(LostOptions, OffAndAbsentAreTheSame) {
  const auto asked = parse("# CONFIG_A is not set\nCONFIG_B=n\n");
  EXPECT_TRUE(lost_kernel_options(asked, "# CONFIG_A is not set\n").empty());
}

TEST(LostOptions, TheLaterFragmentCounts) {
  auto asked = parse("CONFIG_A=y\nCONFIG_B=y\n");
  for (auto& o : parse_kernel_fragment("# CONFIG_A is not set\n", "/f/user.config"))
    asked.push_back(o);
  EXPECT_TRUE(lost_kernel_options(asked, "CONFIG_B=y\n").empty());
  const auto lost = lost_kernel_options(asked, "CONFIG_A=y\nCONFIG_B=y\n");
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].file, "/f/user.config");
}

}  // namespace
}  // namespace starling::builder
