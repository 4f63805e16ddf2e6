// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/config/did_you_mean.h"

#include <gtest/gtest.h>

#include "builder/config/options.h"

namespace starling::builder {
namespace {

TEST(DidYouMeanTest, Distance) {
  EXPECT_EQ(edit_distance("kitten", "sitting", 5), 3);
  EXPECT_EQ(edit_distance("kernle", "kernel", 5), 1) << "two letters swapped are one slip";
  EXPECT_EQ(edit_distance("same", "same", 0), 0);
  EXPECT_EQ(edit_distance("", "abc", 5), 3);
  EXPECT_EQ(edit_distance("abcdef", "uvwxyz", 2), 3) << "limit + 1, however far";
}

TEST(DidYouMeanTest, FindsWhatIsMeantAndNothingElse) {
  const auto known = option_names();
  const std::pair<const char*, const char*> cases[] = {
      {"pakages", "packages"},
      {"package", "packages"},
      {"kernle", "kernel"},
      {"hostnmae", "hostname"},
      {"overlay", "overlays"},
      {"ssh-key", "ssh-keys"},
      {"out_dir", "out-dir"},
      {"patches", "kernel-patches"},
      {"kernal", "kernel"},
      {"colour", ""},
      {"x", ""},
      {"", ""},
  };
  for (const auto& [typed, meant] : cases) EXPECT_EQ(did_you_mean(typed, known), meant) << typed;
}

}  // namespace
}  // namespace starling::builder
