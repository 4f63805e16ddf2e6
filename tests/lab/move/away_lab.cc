// SPDX-License-Identifier: GPL-2.0-or-later
// Programs that would go home again and again if what they often do could not be done away: moved
// once, they must end without having come home.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lab/move_driver.h"

namespace starling::lab {
namespace {

using std::chrono::milliseconds;

class Away : public testing::TestWithParam<std::string> {};

TEST_P(Away, EndsThereWithoutHavingComeHome) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: it traces processes";
  ::setenv("FEATURE_SECONDS", "3", 1);
  MoveDriver driver(std::vector<MoveGuest::Options>(1));
  std::string came_home;
  driver.on_report = [&](const nlohmann::json& r) {
    if (r.value("event", "") == "where" && r.value("node", 1) == 0)
      came_home += r.value("why", "") + "\n";
  };
  const UniqueFd nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
  driver.start({STARLING_FEATURES_DIR "/" + GetParam()}, nowhere.get(), nowhere.get());
  const auto reply = driver.move(2);
  ASSERT_TRUE(reply.value("ok", false)) << reply;
  EXPECT_EQ(driver.wait(milliseconds(120'000)), 0);
  EXPECT_EQ(came_home, "");
  EXPECT_EQ(driver.finish(), 0u) << "helpers that did not end with it";
}

INSTANTIATE_TEST_SUITE_P(Threads, Away,
                         testing::Values("thread_create", "thread_detached", "thread_tree",
                                         "robust_mutex", "openmp", "tls_destructors"),
                         [](const auto& i) { return i.param; });

}  // namespace
}  // namespace starling::lab
